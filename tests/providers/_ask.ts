/**
 * Requests to a provider in a test.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import {
  type Message,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type ToolDeclaration,
} from "../../src/providers/provider.ts";
import type { VendorContext } from "../../src/providers/vendor.ts";
import { createLog } from "../../src/server/log.ts";

/** What a vendor gets besides its settings. */
export const CONTEXT: VendorContext = {
  contextTokens: 4096,
  thinking: "off",
  log: createLog({ level: "error", format: "json", write() {} }),
};

/** Makes a request. Its signal is never aborted by default. */
export function question(
  fields: Partial<ProviderRequest> = {},
): ProviderRequest {
  return {
    system: "Be brief.",
    messages: [{ role: "user", text: "Hello" }],
    signal: new AbortController().signal,
    ...fields,
  };
}

/** A conversation with a welcome and one finished turn. */
export const CONVERSATION: Message[] = [
  { role: "assistant", text: "Welcome!" },
  { role: "user", text: "I am Ada." },
  { role: "assistant", text: "Hello Ada." },
  { role: "user", text: "Who am I?" },
];

/** A tool that models call in tests. */
export const weather: ToolDeclaration = {
  name: "get_weather",
  description: "Tells the weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};

/** Reads an answer: its text, and its parts. */
export async function ask(
  provider: Provider,
  fields: Partial<ProviderRequest> = {},
): Promise<{ text: string; parts: ProviderPart[] }> {
  const parts: ProviderPart[] = [];
  let text = "";
  for await (const part of provider.stream(question(fields))) {
    parts.push(part);
    if (part.type === "text-delta") text += part.text;
  }
  return { text, parts };
}

/** Reads an answer that fails: the text before, and the error. */
export async function askInVain(
  provider: Provider,
): Promise<{ text: string; error: ProviderError }> {
  let text = "";
  const error = await assertRejects(async () => {
    for await (const part of provider.stream(question())) {
      if (part.type === "text-delta") text += part.text;
    }
  }, ProviderError);
  return { text, error };
}
