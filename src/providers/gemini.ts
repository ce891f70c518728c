/**
 * Google Gemini: its settings, and its provider, which uses
 * `@google/generative-ai`.
 *
 * @module
 */
import { httpUrl } from "../settings/kinds.ts";
import type { Settings } from "../settings/setting.ts";
import { readChunk, toBody, toThinkingConfig } from "./_gemini_wire.ts";
import {
  type Fetch,
  requestBySdk,
  requestJson,
  type Server,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import { ProviderError, type ProviderRequest } from "./provider.ts";
import { apiKey, type Diagnosis, type Vendor } from "./vendor.ts";

const DEFAULT_MODEL = "gemini-3.5-flash-lite";
const KEY_PAGE = "https://aistudio.google.com/apikey";

/** Gemini's settings. */
export const settings = {
  apiKey: {
    env: "GOOGLE_GENERATIVE_AI_API_KEY",
    help: `Gemini's API key, from ${KEY_PAGE}`,
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
export const gemini: Vendor<typeof settings> = {
  settings,
  findProblem: ({ apiKey }) =>
    apiKey === undefined
      ? `${settings.apiKey.env}: is missing; get a key at ${KEY_PAGE}`
      : undefined,
  create({ apiKey = "", model, baseUrl }, { thinking }) {
    const server: Server = {
      provider: "gemini",
      url: baseUrl,
      headers: { "x-goog-api-key": apiKey },
      addressEnv: settings.baseUrl.env,
      settings,
      unreachable: "check the network, the proxy and GEMINI_BASE_URL",
    };
    // Loaded in the background, so that the first caller need not wait for it. A
    // failure is reported when the SDK is used.
    const sdk = import("@google/generative-ai");
    sdk.catch(() => {});
    // Not every model knows every level: after a refusal, the field is left out.
    let thinkingConfig = toThinkingConfig(model, thinking);

    async function send(request: ProviderRequest): Promise<Response> {
      const { GoogleGenerativeAI } = await sdk;
      const client = new GoogleGenerativeAI(apiKey).getGenerativeModel(
        { model, systemInstruction: request.system },
        { baseUrl },
      );
      const body = toBody(request, thinkingConfig, thinking);
      try {
        return await requestBySdk(
          server,
          request.signal,
          (fetch) => withFetch(fetch, () => client.generateContentStream(body)),
        );
      } catch (error) {
        const isRefused = error instanceof ProviderError &&
          error.status === 400 && /thinking/i.test(String(error.cause));
        if (!thinkingConfig || !isRefused) throw error;
        thinkingConfig = undefined;
        return await send(request);
      }
    }

    return {
      name: server.provider,
      model,
      warnings: warnOfShutdown(model),
      stream: (request) =>
        streamAnswer(server, request, {
          format: "sse",
          send,
          read: (event, answer) => readChunk(JSON.parse(event), answer),
        }),
      async check(signal) {
        await requestJson(server, `/v1beta/models/${encodeURI(model)}`, signal);
      },
    };
  },
};

/**
 * When Google shuts models down, or has shut them down, as of November 2026.
 *
 * Source: https://ai.google.dev/gemini-api/docs/deprecations
 */
const SHUTDOWNS: [RegExp, string][] = [
  [/^gemini-1\./, "2025"],
  [/^gemini-2\.0-/, "2026-06-01"],
  [/^gemini-2\.5-(pro|flash)$/, "2026-12-01"],
  [/^gemini-2\.5-pro-preview-\d/, "2025-12-02"],
  [/^gemini-2\.5-flash-preview-09-/, "2026-02-17"],
  [/^gemini-3-pro-preview$/, "2026-03-09"],
  [/^gemini-3\.1-flash-lite-preview$/, "2026-05-25"],
  [/^gemini-3\.1-flash-lite$/, "2027-05-07"],
];

function warnOfShutdown(model: string): Diagnosis[] {
  const matching = SHUTDOWNS.filter(([pattern]) => pattern.test(model));
  return matching.map(([, date]) => ({
    status: "warn",
    detail: `Google set the end of ${model} for ${date}`,
    fix: `set GEMINI_MODEL to a current one, such as ${DEFAULT_MODEL}`,
  }));
}

/**
 * Makes the SDK use the given `fetch`. The SDK has no option for that, but reads
 * the global one before it first awaits anything.
 */
function withFetch<T>(replacement: Fetch, call: () => T): T {
  const { fetch } = globalThis;
  globalThis.fetch = replacement;
  try {
    return call();
  } finally {
    globalThis.fetch = fetch;
  }
}
