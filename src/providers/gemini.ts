/**
 * Google Gemini: its settings, and how it is asked through
 * `@google/generative-ai`.
 *
 * @module
 */
import type { GenerateContentRequest } from "@google/generative-ai";
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "../server/builtin.ts";
import { httpUrl } from "../settings/kinds.ts";
import type { CompleteValues, Settings } from "../settings/setting.ts";
import {
  readChunk,
  type ThinkingConfig,
  toBody,
  toThinkingConfig,
} from "./_gemini_wire.ts";
import {
  type Fetch,
  requestBySdk,
  requestPath,
  type Server,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import {
  ProviderError,
  type ProviderRequest,
  THINKING_TOKENS,
} from "./provider.ts";
import {
  apiKey,
  type Diagnosis,
  type Vendor,
  type VendorContext,
  type VendorProvider,
} from "./vendor.ts";

const DEFAULT_MODEL = "gemini-3.5-flash-lite";
const KEY_PAGE = "https://aistudio.google.com/apikey";

/** Gemini's settings. */
export const geminiSettings = {
  apiKey: {
    env: "GOOGLE_GENERATIVE_AI_API_KEY",
    help: `Gemini's API key, from ${KEY_PAGE}`,
    needed: `get a key at ${KEY_PAGE}`,
    selects: true,
    ...apiKey,
    expected: `a key as ${KEY_PAGE} shows it, without white space`,
  },
  model: {
    env: "GEMINI_MODEL",
    help: "The Gemini model.",
    default: DEFAULT_MODEL,
  },
  baseUrl: {
    env: "GEMINI_BASE_URL",
    help: "Gemini's address. Change it for a proxy.",
    ...httpUrl("https://generativelanguage.googleapis.com"),
  },
} satisfies Settings;

/** Google Gemini. */
export const gemini: Vendor<typeof geminiSettings> = {
  settings: geminiSettings,
  create: createGemini,
};

/** Makes a provider that asks Gemini. */
export function createGemini(
  { apiKey, model, baseUrl }: CompleteValues<typeof geminiSettings>,
  { thinking }: Pick<VendorContext, "thinking">,
): VendorProvider {
  const server = toServer(baseUrl, apiKey);
  // In the background, so that the first caller need not wait for it. Whether
  // it failed shows when it is needed.
  const sdk = import("@google/generative-ai");
  sdk.catch(() => {});
  // Not every model knows every level: one that refuses is asked without.
  let thinkingConfig = toThinkingConfig(model, thinking);

  async function send(request: ProviderRequest): Promise<Response> {
    const { GoogleGenerativeAI } = await sdk;
    const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl },
    );
    // Its types know neither thinking nor signatures; it passes both on.
    const question = {
      ...toBody(request),
      generationConfig: toGenerationConfig(request, thinkingConfig),
    } as unknown as GenerateContentRequest;
    try {
      return await requestBySdk(
        server,
        request.signal,
        (fetch) =>
          runWithFetch(fetch, () => client.generateContentStream(question)),
      );
    } catch (error) {
      if (!thinkingConfig || !isAboutThinking(error)) throw error;
      thinkingConfig = undefined;
      return await send(request);
    }
  }

  return {
    name: server.provider,
    model,
    warnings: warnOfEnd(model),
    stream: (request) =>
      streamAnswer(server, request, {
        format: "sse",
        send,
        read: (event, answer) => readChunk(JSON.parse(event), answer),
      }),
    async check(signal) {
      const path = `/v1beta/models/${encodeURI(model)}`;
      const response = await requestPath(server, path, signal);
      await response.body?.cancel();
    },
  };
}

function toServer(url: string, apiKey: string): Server {
  return {
    provider: "gemini",
    url,
    headers: { "x-goog-api-key": apiKey },
    addressEnv: "GEMINI_BASE_URL",
    settings: geminiSettings,
    unreachable: "check the network, the proxy and GEMINI_BASE_URL",
  };
}

/**
 * Models that Google has shut down or will, and when: as of November 2026.
 *
 * Source: https://ai.google.dev/gemini-api/docs/deprecations
 */
const ENDS: [RegExp, string][] = [
  [/^gemini-1\./, "2025"],
  [/^gemini-2\.0-/, "2026-06-01"],
  [/^gemini-2\.5-(pro|flash)$/, "2026-12-01"],
  [/^gemini-2\.5-pro-preview-\d/, "2025-12-02"],
  [/^gemini-2\.5-flash-preview-09-/, "2026-02-17"],
  [/^gemini-3-pro-preview$/, "2026-03-09"],
  [/^gemini-3\.1-flash-lite-preview$/, "2026-05-25"],
  [/^gemini-3\.1-flash-lite$/, "2027-05-07"],
];

function warnOfEnd(model: string): Diagnosis[] {
  return ENDS.filter(([pattern]) => pattern.test(model)).map(([, end]) => ({
    status: "warn",
    detail: `Google set the end of ${model} for ${end}`,
    fix: `set GEMINI_MODEL to a current one, such as ${DEFAULT_MODEL}`,
  }));
}

/**
 * How long the answer may be, in Gemini's tokens, which count thoughts as well.
 * A model that wasn't told how much to think may do so a lot.
 */
function toGenerationConfig(
  { maxTokens }: ProviderRequest,
  thinkingConfig: ThinkingConfig | undefined,
) {
  if (maxTokens === undefined) return { thinkingConfig };
  const { thinkingBudget, thinkingLevel = "medium" } = thinkingConfig ?? {};
  const room = thinkingBudget ??
    (thinkingLevel === "minimal" ? 512 : THINKING_TOKENS[thinkingLevel]);
  return { maxOutputTokens: maxTokens + room, thinkingConfig };
}

function isAboutThinking(error: unknown): boolean {
  return error instanceof ProviderError && error.status === 400 &&
    /thinking/i.test(String(error.cause));
}

let caller: AsyncLocalStorage<Fetch | undefined> | undefined;

/**
 * Calls the SDK, which calls the global `fetch` and takes no other: that one is
 * replaced, once, by one that looks whose call it is.
 */
function runWithFetch<T>(fetch: Fetch, call: () => T): T {
  caller ??= watchFetch();
  return caller.run(fetch, call);
}

function watchFetch(): AsyncLocalStorage<Fetch | undefined> {
  const { AsyncLocalStorage } = builtin("node:async_hooks");
  const caller = new AsyncLocalStorage<Fetch | undefined>();
  const original = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const ours = caller.getStore();
    return ours === undefined
      ? original(input, init)
      : caller.run(undefined, () => ours(input, init));
  };
  return caller;
}
