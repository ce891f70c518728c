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
import {
  DEFAULT_MODEL,
  describe,
  type Description,
  GET_A_MODEL,
  KEY_PAGE,
  toServer,
} from "./_gemini_server.ts";
import { readChunk, toBody } from "./_gemini_wire.ts";
import { lazily, runWithFetch, takeResponse, toFetch } from "./_sdk.ts";
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
