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
import type { Defaulted, Needed, Values } from "../settings/setting.ts";
import {
  readChunk,
  type ThinkingConfig,
  toBody,
  toThinkingConfig,
} from "./_gemini_wire.ts";
import {
  type Fetch,
  type Refusal,
  requestBySdk,
  requestJson,
  type Server,
  ServerError,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import { ProviderError, type ProviderRequest } from "./provider.ts";
import {
  toKey,
  type Vendor,
  type VendorContext,
  type VendorProvider,
} from "./vendor.ts";

const DEFAULT_MODEL = "gemini-3.5-flash-lite";
const KEY_PAGE = "https://aistudio.google.com/apikey";

/** Gemini's settings. */
export type GeminiSettings = {
  apiKey: Needed;
  model: Defaulted;
  baseUrl: Defaulted;
};

/** Google Gemini. */
export const gemini: Vendor<GeminiSettings> = {
  settings: {
    apiKey: {
      env: "GOOGLE_GENERATIVE_AI_API_KEY",
      help: `Gemini's API key, from ${KEY_PAGE}`,
      needed: `get a key at ${KEY_PAGE}`,
      selects: true,
      parse: toKey,
      expected: `a key as ${KEY_PAGE} shows it, without ` +
        "white space or signs that no key has",
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
  },
  create: createGemini,
};

/** Makes a provider that asks Gemini. */
export function createGemini(
  { apiKey, model, baseUrl }: Values<GeminiSettings>,
  { thinking }: Pick<VendorContext, "thinking">,
): VendorProvider {
  const server: Server = {
    provider: "gemini",
    url: baseUrl,
    headers: { "x-goog-api-key": apiKey },
    addressEnv: "GEMINI_BASE_URL",
    unreachable: "check the network, the proxy and GEMINI_BASE_URL",
    explain: (status, body) => explain(status, body, model),
  };
  // In the background, so that the first caller need not wait for it. Whether
  // it failed shows when it is needed.
  const sdk = import("@google/generative-ai");
  sdk.catch(() => {});
  // Not every model knows every level: one that refuses is asked without.
  let thinkingConfig: ThinkingConfig | undefined = toThinkingConfig(
    model,
    thinking,
  );

  async function send(
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    const { GoogleGenerativeAI } = await sdk;
    const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl },
    );
    const body = toBody(request, thinkingConfig);
    // Its types know neither thinking nor signatures; it passes both on.
    const question = body as unknown as GenerateContentRequest;
    try {
      return await requestBySdk(
        server,
        signal,
        (fetch) =>
          runWithFetch(fetch, () => client.generateContentStream(question)),
      );
    } catch (error) {
      if (!thinkingConfig || !isAboutThinking(error)) throw error;
      thinkingConfig = undefined;
      return await send(request, signal);
    }
  }

  return {
    name: server.provider,
    model,
    stream: (request) =>
      streamAnswer(server, {
        format: "sse",
        signal: request.signal,
        send: (signal) => send(request, signal),
        read: (event, answer) => readChunk(JSON.parse(event), answer),
      }),
    // https://ai.google.dev/api/models#method:-models.get
    async check(signal) {
      const path = `/v1beta/models/${encodeURI(model)}`;
      const { name } = await requestJson<{ name: string }>(
        server,
        path,
        signal,
      );
      if (name !== undefined) return;
      const what = "what answers is not Gemini";
      const problem = { what, fix: "check GEMINI_BASE_URL" };
      throw new ServerError(problem, { provider: "gemini", retryable: false });
    },
  };
}

function isAboutThinking(error: unknown): boolean {
  return error instanceof ProviderError && error.status === 400 &&
    /thinking/i.test(String(error.cause));
}

/** What Gemini's refusals mean, and how to fix them. */
function explain(
  status: number,
  body: string,
  model: string,
): Refusal | undefined {
  if (status === 401 || /API_KEY_INVALID|API key not valid/.test(body)) {
    return {
      what: "the API key is not valid",
      fix: `get a key at ${KEY_PAGE} and set GOOGLE_GENERATIVE_AI_API_KEY`,
    };
  }
  const refusals: Record<number, Refusal> = {
    400: {
      what: "it refused the question (400)",
      fix: "check GOOGLE_GENERATIVE_AI_API_KEY",
    },
    403: {
      what: "the API key may not use it (403)",
      fix: "allow the key in GOOGLE_GENERATIVE_AI_API_KEY the Generative " +
        `Language API and this machine's address, or get another at ${KEY_PAGE}`,
    },
    404: {
      what: `there is no model "${model}" (404)`,
      fix: `set GEMINI_MODEL to a current one, such as ${DEFAULT_MODEL}`,
    },
    429: {
      what: "the quota is used up for now (429)",
      fix: "wait, or raise the quota at https://aistudio.google.com",
      retryAfterMs: readRetryDelay(body),
    },
  };
  return refusals[status];
}

/** When Gemini wants to be asked again: `"retryDelay": "23s"` of `google.rpc.RetryInfo`. */
function readRetryDelay(body: string): number | undefined {
  const [, seconds] = /"retryDelay":\s*"(\d{1,9}(?:\.\d+)?)s"/.exec(body) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** Absent until the SDK needs it. */
let fetchOfSdk: AsyncLocalStorage<Fetch | undefined> | undefined;

/**
 * Calls the SDK, which calls the global `fetch` and takes no other: that one is
 * replaced, once, by one that looks whose call it is.
 */
function runWithFetch<T>(fetch: Fetch, call: () => T): T {
  return (fetchOfSdk ??= watchFetch()).run(fetch, call);
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
