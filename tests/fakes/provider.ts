/**
 * A provider whose answers a test scripts, and which records its requests.
 *
 * @module
 */
import type {
  Provider,
  ProviderMetadata,
  ProviderPart,
  ProviderRequest,
  ToolCall,
} from "../../src/providers/provider.ts";

/** What the model does with one request. */
export type Script = (request: ProviderRequest) => AsyncIterable<ProviderPart>;

/** A scripted provider. */
export interface ScriptedProvider extends Provider {
  /** Every request so far. */
  readonly requests: ProviderRequest[];
}

/** Makes a provider that plays one script for each request, and repeats the last one. */
export function createScriptedProvider(
  ...scripts: Script[]
): ScriptedProvider {
  const requests: ProviderRequest[] = [];
  return {
    name: "scripted",
    model: "script",
    requests,
    stream(request) {
      requests.push(request);
      const script = scripts[Math.min(requests.length, scripts.length) - 1];
      if (script === undefined) throw new Error("No script");
      return script(request);
    },
    check: () => Promise.resolve(),
  };
}

/** Says these pieces and finishes. */
export function says(...texts: string[]): Script {
  return async function* () {
    for (const text of texts) yield { type: "text-delta", text };
    yield { type: "finish", usage: { outputTokens: texts.length } };
  };
}

/** Says these words, if any, then calls these tools. */
export function calls(
  list: readonly ToolCall[],
  { text = "", providerMetadata }: {
    text?: string;
    providerMetadata?: ProviderMetadata;
  } = {},
): Script {
  return async function* () {
    if (text !== "") yield { type: "text-delta", text };
    for (const call of list) yield { type: "tool-call", call };
    yield {
      type: "finish",
      usage: {},
      ...(providerMetadata ? { providerMetadata } : {}),
    };
  };
}

/** Says these pieces, then fails. */
export function fails(error: Error, ...texts: string[]): Script {
  return async function* () {
    for (const text of texts) yield { type: "text-delta", text };
    throw error;
  };
}

/** Says these pieces, then hangs until it is aborted. */
export function stalls(...texts: string[]): Script {
  return async function* ({ signal }) {
    for (const text of texts) yield { type: "text-delta", text };
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      if (signal.aborted) reject(signal.reason);
    });
  };
}
