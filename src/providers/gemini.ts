/**
 * Google Gemini: its settings, how it is asked through `@google/generative-ai`,
 * and its diagnosis.
 *
 * @module
 */
import type { GenerateContentRequest } from "@google/generative-ai";
import { toHttpUrl } from "../settings/kinds.ts";
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Needed, Values } from "../settings/setting.ts";
import { findings, toFinding } from "./_diagnosis.ts";
import { findEnd, toThinkingConfig } from "./_gemini_models.ts";
import { readChunk, toBody } from "./_gemini_wire.ts";
import { lazily, runWithFetch, takeResponse, toFetch } from "./_sdk.ts";
import { type Refusal, requestJson, type Server } from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import {
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

/** Makes a provider that asks Gemini. */
export function createGemini(
  { apiKey, model, baseUrl }: Values<GeminiSettings>,
  { thinking, log }: Pick<VendorContext, "thinking" | "log">,
): Provider {
  const server = toServer({ apiKey, model, baseUrl });
  // In the background, so that the first caller need not wait for it. Whether
  // it failed shows when it is needed.
  loadSdk().catch(() => {});
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
  ): Promise<Response> {
    const { GoogleGenerativeAI } = await loadSdk();
    const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
      { model, systemInstruction: request.system },
      { baseUrl },
    );
    const body = toBody(request, model, thinkingConfig);
    // Its types know neither thinking nor signatures; it passes both on.
    const question = body as unknown as GenerateContentRequest;
    try {
      return await takeResponse(
        // It takes no other `fetch` than the global one.
        (fetch) =>
          runWithFetch(fetch, () => client.generateContentStream(question)),
        toFetch(server, signal),
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
    async check(signal) {
      await describe(server, model, signal);
    },
  };
}

const loadSdk = lazily(() => import("@google/generative-ai"));

/** What Gemini says of a model. */
interface Description {
  name: string;
  supportedGenerationMethods: string[];
  inputTokenLimit: number;
}

/** Asks for it: https://ai.google.dev/api/models#method:-models.get */
function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Description>> {
  const path = `/v1beta/models/${encodeURI(model)}`;
  return requestJson<Description>(server, path, signal);
}

function toServer({ apiKey, model, baseUrl }: Values<GeminiSettings>): Server {
  return {
    provider: "gemini",
    name: "Gemini",
    url: baseUrl,
    headers: { "x-goog-api-key": apiKey },
    addressEnv: "GEMINI_BASE_URL",
    unreachable: "check the network, the proxy and GEMINI_BASE_URL",
    asked: () => `Gemini model "${model}"`,
    explain: (status, body) => explain(status, body, model),
  };
}

/** What Gemini's refusals mean, and how to fix them. */
function explain(
  status: number,
  body: string,
  model: string,
): Refusal | undefined {
  if (status === 401 || /API_KEY_INVALID|API key not valid/.test(body)) {
    return { what: "the API key is not valid", fix: GET_A_KEY };
  }
  const retryAfterMs = readRetryDelay(body);
  const refusals: Record<number, Refusal> = {
    400: {
      what: "it refused the question (400)",
      fix: /location/i.test(body)
        ? "Gemini's API is not offered where this machine is: use a proxy (GEMINI_BASE_URL) or Ollama"
        : "check GOOGLE_GENERATIVE_AI_API_KEY",
    },
    403: {
      what: "the API key may not use it (403)",
      fix: "allow the key in GOOGLE_GENERATIVE_AI_API_KEY the Generative " +
        `Language API and this machine's address, or get another at ${KEY_PAGE}`,
    },
    404: { what: `there is no model "${model}" (404)`, fix: GET_A_MODEL },
    429: {
      what: "the quota is used up for now (429)",
      fix: "wait, or raise the quota at https://aistudio.google.com; " +
        FALL_BACK,
      retryAfterMs,
    },
  };
  const isDown = {
    what: `it answered with status ${status}`,
    fix: `Gemini seems to be down: try again later; ${FALL_BACK}`,
    retryAfterMs,
  };
  return refusals[status] ?? (status >= 500 ? isDown : undefined);
}

const FALL_BACK = "LLM_PROVIDER=gemini,ollama falls back on Ollama";

/** When Gemini wants to be asked again: `"retryDelay": "23s"` of `google.rpc.RetryInfo`. */
function readRetryDelay(body: string): number | undefined {
  const [, seconds] = /"retryDelay":\s*"(\d{1,9}(?:\.\d+)?)s"/.exec(body) ?? [];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

function isAboutThinking(error: unknown): boolean {
  return error instanceof ProviderError && error.status === 400 &&
    /thinking/i.test(String(error.cause));
}

const { ok, warn, fail } = findings("gemini");

/** Looks at the key, the model and how long there will be that model. */
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
  const server = toServer({ apiKey, model, baseUrl });
  try {
    const about = await describe(server, model, signal);
    all.push(judge(about, model, contextTokens));
  } catch (error) {
    all.push(toFinding(server, error));
  }
  return all;
}

function judge(
  { name, supportedGenerationMethods, inputTokenLimit = Infinity }: Partial<
    Description
  >,
  model: string,
  contextTokens: number,
): Finding {
  if (name === undefined) {
    return fail("what answers is not Gemini", "check GEMINI_BASE_URL");
  }
  if (supportedGenerationMethods?.includes("generateContent") === false) {
    return fail(`model "${model}" is not one to talk with`, GET_A_MODEL);
  }
  if (inputTokenLimit < contextTokens) {
    return warn(
      `${model} takes ${inputTokenLimit} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${inputTokenLimit} or less`,
    );
  }
  return ok(`${model} is there, and the key is valid`);
}
