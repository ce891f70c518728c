/**
 * Any server that speaks OpenAI's chat completions: OpenAI itself, Groq,
 * OpenRouter, vLLM, LM Studio, llama.cpp. Its settings, how it is asked, and
 * its diagnosis.
 *
 * @module
 */
import { httpUrl } from "../settings/kinds.ts";
import type { Defaulted, Setting, Values } from "../settings/setting.ts";
import { adapt, AnswerReader, type Dialect, toBody } from "./_openai_wire.ts";
import {
  placeOf,
  type Refusal,
  requestJson,
  requestPath,
  type Server,
  ServerError,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import { ProviderError, type ProviderRequest } from "./provider.ts";
import {
  fail,
  ok,
  toKey,
  type Vendor,
  type VendorContext,
  type VendorProvider,
  warn,
} from "./vendor.ts";

const OPENAI = "https://api.openai.com/v1";
const DEFAULT_MODEL = "gpt-6-luna";
const GET_A_KEY =
  "get a key at https://platform.openai.com/api-keys, or from whoever runs OPENAI_BASE_URL";

/** The settings of such a server. */
export type OpenAiSettings = {
  apiKey: Setting;
  baseUrl: Defaulted;
  model: Setting;
};

/** Any server that speaks OpenAI's chat completions. */
export const openai: Vendor<OpenAiSettings> = {
  settings: {
    apiKey: {
      env: "OPENAI_API_KEY",
      help:
        "The API key of OpenAI, or of another server that speaks OpenAI's " +
        "chat completions, such as Groq, OpenRouter or vLLM. Servers on your own " +
        "machine, such as LM Studio and llama.cpp, need none.",
      selects: true,
      parse: toKey,
      expected: "a key as its maker shows it, without white space or quotes",
    },
    baseUrl: {
      env: "OPENAI_BASE_URL",
      help:
        "That server's address; most end in /v1. Whoever sets it without a " +
        "key sets LLM_PROVIDER=openai as well.",
      ...httpUrl(OPENAI),
    },
    model: {
      env: "OPENAI_MODEL",
      help:
        `That server's model. Unset: ${DEFAULT_MODEL} at OpenAI, elsewhere ` +
        "the server's only one.",
      secret: false,
    },
  },
  create: createOpenAi,
  findProblem: ({ apiKey, baseUrl }) =>
    apiKey === undefined && baseUrl === OPENAI
      ? `OPENAI_API_KEY: is missing; ${GET_A_KEY}`
      : undefined,
};

/** The most that a server's refusals may change of one question. */
const MAX_CHANGES = 5;

/** Makes a provider that asks such a server. */
export function createOpenAi(
  { apiKey, baseUrl, model: named }: Values<OpenAiSettings>,
  { thinking, log }: Pick<VendorContext, "thinking" | "log">,
): VendorProvider {
  const isOpenAi = baseUrl === OPENAI;
  let model = named ?? (isOpenAi ? DEFAULT_MODEL : undefined);
  const server: Server = {
    provider: "openai",
    url: baseUrl,
    headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
    addressEnv: "OPENAI_BASE_URL",
    unreachable: "check the network and OPENAI_BASE_URL; start that server",
    explain: (status, body) => toRefusals(body, model)[status],
  };
  // As most servers take it; what one refuses changes it.
  let dialect: Dialect = {
    limit: isOpenAi ? "max_completion_tokens" : "max_tokens",
    effort: thinking === "off" ? "none" : thinking,
    hasTools: true,
    hasUsage: true,
  };
  let hasThought = false;

  async function send(
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    model ??= findOnly(server, await listModels(server, signal));
    for (let changes = 0;; changes++) {
      const sent = dialect;
      const body = toBody(request, model, sent, hasThought);
      try {
        return await requestPath(server, "/chat/completions", signal, body);
      } catch (error) {
        const reason = findReason(error);
        if (reason === undefined || changes >= MAX_CHANGES) throw error;
        // Another question may have found it out meanwhile.
        if (sent !== dialect) continue;
        const next = adapt(sent, reason);
        if (next === undefined) throw error;
        dialect = next;
        if (sent.hasTools && !next.hasTools) {
          log.warn("openai.no_tools", { model, reason });
        }
      }
    }
  }

  return {
    name: server.provider,
    get model() {
      return model ?? "unknown";
    },
    stream(request) {
      const reader = new AnswerReader(request.toolChoice);
      return streamAnswer(server, {
        format: "sse",
        signal: request.signal,
        send: (signal) => send(request, signal),
        read(event, answer) {
          reader.read(event, answer);
          hasThought ||= reader.hasThought;
        },
      });
    },
    async check(signal) {
      await listModels(server, signal);
    },
    async *diagnose(_, signal) {
      const models = await listModels(server, signal);
      const asked = model ?? findOnly(server, models);
      // llama.cpp answers to any name.
      const unlisted = isOpenAi ? fail : warn;
      yield models.includes(asked) ? ok(`${asked} is there`) : unlisted(
        `${placeOf(server)} doesn't list model "${asked}"`,
        "set OPENAI_MODEL to one of its models, and check OPENAI_BASE_URL, " +
          "which mostly ends in /v1",
      );
    },
  };
}

/** In which words a server refused what it may not have understood. */
function findReason(error: unknown): string | undefined {
  return error instanceof ProviderError &&
      [400, 404, 422, 500].includes(error.status ?? 0)
    ? String(error.cause)
    : undefined;
}

/** A server's models that can chat; none where it doesn't list them. */
async function listModels(
  server: Server,
  signal: AbortSignal,
): Promise<string[]> {
  type List = { data: { id: string }[] };
  try {
    const { data = [] } = await requestJson<List>(server, "/models", signal);
    return data.map(({ id }) => id).filter((id) => !/embed/i.test(id));
  } catch (error) {
    if (error instanceof ProviderError && error.status === 404) return [];
    throw error;
  }
}

/**
 * The model of a server that has only one.
 *
 * @throws {ServerError} when there are several or none
 */
function findOnly(server: Server, models: readonly string[]): string {
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  const such = models.length > 0
    ? `, such as ${models.slice(0, 3).join(", ")}`
    : "";
  const what = `OPENAI_MODEL is not set, and ${placeOf(server)} lists ` +
    `${models.length} models${such}`;
  const options = { provider: server.provider, retryable: false };
  throw new ServerError({ what, fix: "set OPENAI_MODEL" }, options);
}

/** What its refusals mean, and how to fix them. */
function toRefusals(
  body: string,
  model: string | undefined,
): Record<number, Refusal> {
  const noCredit = {
    what: "the account's credit is used up",
    fix: "top it up",
    retryable: false,
  };
  const tooMuch = {
    what: "too much was asked for now (429)",
    fix: "wait, or raise the limit",
  };
  return {
    401: { what: "the API key is not valid (401)", fix: GET_A_KEY },
    402: noCredit,
    403: {
      what: "the API key may not use it (403)",
      fix: "check OPENAI_API_KEY",
    },
    404: {
      what: `there is no model "${model}" there, or no chat completions (404)`,
      fix: "check OPENAI_MODEL and OPENAI_BASE_URL, which mostly ends in /v1",
    },
    // OpenAI says the same of an account without credit, which doesn't pass.
    429: /insufficient_quota/.test(body) ? noCredit : tooMuch,
  };
}
