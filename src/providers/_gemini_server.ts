/**
 * Gemini's server: its models, and what its refusals mean.
 *
 * @module
 */
import { type Refusal, requestJson, type Server } from "./_server.ts";

/** The model unless another is named. */
export const DEFAULT_MODEL = "gemini-3.5-flash-lite";

/** What to do about a model that isn't there, or won't be. */
export const GET_A_MODEL =
  `set GEMINI_MODEL to a current one, such as ${DEFAULT_MODEL}`;

/** Where keys are had. */
export const KEY_PAGE = "https://aistudio.google.com/apikey";

const GET_A_KEY =
  `get a key at ${KEY_PAGE} and set GOOGLE_GENERATIVE_AI_API_KEY`;

/** What Gemini says of a model. */
export interface Description {
  /** Its name; what lacks it is not Gemini. */
  name: string;
  /** What can be asked of it. */
  supportedGenerationMethods: string[];
  /** How much it can have in mind. */
  inputTokenLimit: number;
}

/** Asks for it: https://ai.google.dev/api/models#method:-models.get */
export function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Description>> {
  const path = `/v1beta/models/${encodeURI(model)}`;
  return requestJson<Description>(server, path, signal);
}

/** The server of these settings. */
export function toServer(
  { apiKey, model, baseUrl }: {
    apiKey: string;
    model: string;
    baseUrl: string;
  },
): Server {
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
