/**
 * Google Gemini: its settings, how it is asked through `@google/generative-ai`,
 * and its diagnosis.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import type { GenerateContentRequest } from "@google/generative-ai";
import { builtin } from "../server/builtin.ts";
import { toHttpUrl } from "../settings/kinds.ts";
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Needed, Values } from "../settings/setting.ts";
import {
  ask,
  findings,
  readError,
  type Reply,
  withoutPassword,
} from "./_diagnosis.ts";
import {
  findEnd,
  readChunk,
  toBody,
  toThinkingConfig,
} from "./_gemini_wire.ts";
import { Answer, streamAnswer } from "./_stream.ts";
import {
  isRetryableStatus,
  parseRetryAfter,
  type Provider,
  ProviderError,
  type ProviderRequest,
} from "./provider.ts";
import {
  type DiagnosisContext,
  toKey,
  type Vendor,
  type VendorContext,
} from "./vendor.ts";

const DEFAULT_MODEL = "gemini-3.5-flash-lite";
const GET_A_MODEL =
  `set GEMINI_MODEL to a current one, such as ${DEFAULT_MODEL}`;
const KEY_PAGE = "https://aistudio.google.com/apikey";
const GET_A_KEY =
  `get a key at ${KEY_PAGE} and set GOOGLE_GENERATIVE_AI_API_KEY`;

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
      default: "https://generativelanguage.googleapis.com",
      parse: toHttpUrl,
      expected: "an address such as https://generativelanguage.googleapis.com",
    },
  },
  create: createGemini,
  diagnose,
};

/** Makes a provider that asks Gemini. The SDK is loaded on the first question. */
export function createGemini(
  { apiKey, model, baseUrl }: Values<GeminiSettings>,
  { thinking, log }: Pick<VendorContext, "thinking" | "log">,
): Provider {
  const name = "gemini";
  // Not every model knows every level: one that refuses is asked without.
  let thinkingConfig = toThinkingConfig(model, thinking);
  const end = findEnd(model);
  if (end !== undefined) {
    const message = `Gemini model "${model}" ${end}: ${GET_A_MODEL}`;
    log.warn("provider.model_ends", { message });
  }

  async function send(
    request: ProviderRequest,
    signal: AbortSignal,
    seen: Seen,
  ): Promise<Response> {
    const { GoogleGenerativeAI } = await import("@google/generative-ai");
    // The SDK sends the request even when its signal was aborted beforehand.
    signal.throwIfAborted();
    const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl },
    );
    const body = toBody(request, model, thinkingConfig);
    try {
      return await takeResponse(seen, async () => {
        // Its types know neither thinking nor signatures; it passes both on.
        const question = body as unknown as GenerateContentRequest;
        const { response } = await client.generateContentStream(question, {
          signal,
        });
        // It finds nothing to read, since we read; unheard, that would end the process.
        response.catch(() => {});
      });
    } catch (error) {
      if (!thinkingConfig || !isAboutThinking(error)) throw error;
      thinkingConfig = undefined;
      return await send(request, signal, seen);
    }
  }

  function toError(cause: unknown, seen: Seen): ProviderError {
    const status = statusOf(cause);
    if (status !== undefined) {
      const retryAfterMs = toRetryDelayMs(cause) ??
        parseRetryAfter(seen.response?.headers.get("retry-after"));
      return toStatusError(model, status, { cause, retryAfterMs });
    }
    const message = seen.response
      ? "Cannot read Gemini's answer"
      : `Cannot reach Gemini at ${withoutPassword(baseUrl)}`;
    return new ProviderError(message, {
      provider: name,
      retryable: true,
      cause,
    });
  }

  return {
    name,
    model,
    stream(request) {
      const seen: Seen = {};
      const answer = new Answer(name);
      return streamAnswer({
        answer,
        format: "sse",
        signal: request.signal,
        send: (signal) => send(request, signal, seen),
        read: (message) => readChunk(JSON.parse(message), answer),
        toError: (error) => toError(error, seen),
      });
    },
    async check(signal) {
      let response: Response;
      try {
        response = await fetch(`${baseUrl}/v1beta/models/${model}`, {
          headers: { "x-goog-api-key": apiKey },
          signal,
        });
      } catch (error) {
        throw toError(error, {});
      }
      await response.body?.cancel();
      if (!response.ok) throw toStatusError(model, response.status);
    },
  };
}

/** What came back from Gemini, which the SDK doesn't show. */
interface Seen {
  response?: Response;
}

let questions: AsyncLocalStorage<Seen> | undefined;
let isFetchWatched = false;

/**
 * Has the SDK ask, and takes the response from under it. It calls the global
 * `fetch` and can't be given another, so that one is watched while it asks.
 */
async function takeResponse(
  seen: Seen,
  ask: () => Promise<void>,
): Promise<Response> {
  questions ??= new (builtin("node:async_hooks").AsyncLocalStorage<Seen>)();
  if (!isFetchWatched) {
    isFetchWatched = true;
    const original = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const response = await original(input, init);
      const seen = questions?.getStore();
      if (seen === undefined) return response;
      seen.response = response;
      // What is wrong the SDK explains. What is right is read by us alone.
      return response.ok ? new Response("") : response;
    };
  }
  await questions.run(seen, ask);
  if (seen.response === undefined) throw new TypeError("No response");
  return seen.response;
}

/** A status that isn't good: what it means, and how to fix it. */
function explain(
  status: number,
  text: string,
  model: string,
): [what: string, fix: string] {
  if (status === 401 || /API_KEY_INVALID|API key not valid/.test(text)) {
    return ["the API key is not valid", GET_A_KEY];
  }
  switch (status) {
    case 400:
      return [
        "it refused the question (400)",
        /location/i.test(text)
          ? "Gemini's API is not offered where this machine is: use a proxy (GEMINI_BASE_URL) or Ollama"
          : "check GOOGLE_GENERATIVE_AI_API_KEY",
      ];
    case 403:
      return [
        "the API key may not use it (403)",
        "allow the key in GOOGLE_GENERATIVE_AI_API_KEY the Generative Language " +
        `API and this machine's address, or get another at ${KEY_PAGE}`,
      ];
    case 404:
      return [`there is no model "${model}" (404)`, GET_A_MODEL];
    case 429:
      return [
        "the quota is used up for now (429)",
        "wait, or raise the quota at https://aistudio.google.com; " +
        "LLM_PROVIDER=gemini,ollama falls back on Ollama",
      ];
  }
  return [
    `it answered with status ${status}`,
    status >= 500
      ? "Gemini seems to be down: try again later; LLM_PROVIDER=gemini,ollama falls back on Ollama"
      : "check GEMINI_BASE_URL",
  ];
}

function toStatusError(
  model: string,
  status: number,
  more: { cause?: unknown; retryAfterMs?: number | undefined } = {},
): ProviderError {
  const { cause } = more;
  const text = cause instanceof Error ? cause.message : "";
  const [what, fix] = explain(status, text, model);
  const retryable = isRetryableStatus(status);
  return new ProviderError(
    `Cannot ask Gemini model "${model}": ${what}; ${fix}`,
    { provider: "gemini", status, retryable, ...more },
  );
}

/** `GoogleGenerativeAIFetchError` alone has one. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "status" in error &&
      typeof error.status === "number"
    ? error.status
    : undefined;
}

function isAboutThinking(error: unknown): boolean {
  return statusOf(error) === 400 && error instanceof Error &&
    /thinking/i.test(error.message);
}

/**
 * When Gemini wants to be asked again: `google.rpc.RetryInfo`, as in
 * `{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "23s"}`.
 */
function toRetryDelayMs(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errorDetails" in error)) return undefined;
  const { errorDetails } = error;
  if (!Array.isArray(errorDetails)) return undefined;
  for (const detail of errorDetails) {
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(detail?.retryDelay))?.[1];
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return undefined;
}

const { ok, warn, fail, unreachable } = findings("gemini");

/**
 * Looks at the key, the model and how long there will be that model. Asks for
 * the model's description: https://ai.google.dev/api/models#method:-models.get
 */
async function diagnose(
  { apiKey = "", model, baseUrl }: Found<GeminiSettings>,
  { contextTokens, now, signal }: DiagnosisContext,
): Promise<Finding[]> {
  const all: Finding[] = [];
  const end = findEnd(model);
  if (end !== undefined) {
    const [date] = /\d{4}-\d\d-\d\d/.exec(end) ?? [];
    const isGone = date === undefined || Date.parse(date) <= now();
    all.push((isGone ? fail : warn)(`model "${model}" ${end}`, GET_A_MODEL));
  }
  const url = `${baseUrl}/v1beta/models/${encodeURI(model)}`;
  try {
    const headers = { "x-goog-api-key": apiKey };
    all.push(judge(await ask(url, { headers, signal }), model, contextTokens));
  } catch (error) {
    const fix = "check the network, the proxy and GEMINI_BASE_URL";
    all.push(unreachable(baseUrl, error, fix));
  }
  return all;
}

function judge(reply: Reply, model: string, contextTokens: number): Finding {
  const { status, text, json } = reply;
  if (status !== 200) {
    const [what, fix] = explain(status, text, model);
    return fail(`${what}: ${readError(text)}`, fix);
  }
  if (json.name === undefined) {
    return fail("what answers is not Gemini", "check GEMINI_BASE_URL");
  }
  if (
    json.supportedGenerationMethods?.includes?.("generateContent") === false
  ) {
    return fail(`model "${model}" is not one to talk with`, GET_A_MODEL);
  }
  if (json.inputTokenLimit < contextTokens) {
    return warn(
      `${model} takes ${json.inputTokenLimit} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${json.inputTokenLimit} or less`,
    );
  }
  return ok(`${model} is there, and the key is valid`);
}
