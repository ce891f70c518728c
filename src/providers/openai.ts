/**
 * Any server with OpenAI's chat completions API: OpenAI itself, Groq, OpenRouter,
 * vLLM, LM Studio, llama.cpp.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import { httpUrl, toHttpUrl } from "../settings/kinds.ts";
import type { Settings } from "../settings/setting.ts";
import {
  adaptDialect,
  AnswerReader,
  type Dialect,
  toBody,
} from "./_openai_wire.ts";
import {
  requestJson,
  requestPath,
  type Server,
  toDisplayUrl,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import { ProviderError } from "./provider.ts";
import { apiKey, type Diagnosis, type Vendor } from "./vendor.ts";

const OPENAI = "https://api.openai.com/v1";
const DEFAULT_MODEL = "gpt-6-luna";

/** The settings of such a server. */
export const settings = {
  apiKey: {
    env: "OPENAI_API_KEY",
    help: "The API key of OpenAI, or of another server that speaks OpenAI's " +
      "chat completions, such as Groq, OpenRouter or vLLM. Servers on your own " +
      "machine, such as LM Studio and llama.cpp, need none.",
    selects: true,
    ...apiKey,
  },
  baseUrl: {
    env: "OPENAI_BASE_URL",
    help:
      "That server's address; most end in /v1. For a server without a key, " +
      "set `LLM_PROVIDER=openai` as well.",
    ...httpUrl(OPENAI),
    parse: toBaseUrl,
  },
  model: {
    env: "OPENAI_MODEL",
    help: "That server's model.",
    default: DEFAULT_MODEL,
  },
} satisfies Settings;

/** Removes the path of chat completions, which documentation often includes in the address. */
function toBaseUrl(text: string): string {
  return toHttpUrl(text).replace(/\/chat\/completions$/, "");
}

/** Any server with OpenAI's chat completions API. */
export const openai: Vendor<typeof settings> = {
  settings,
  findProblem: ({ apiKey, baseUrl }) =>
    apiKey === undefined && baseUrl === OPENAI
      ? "OPENAI_API_KEY: is missing; get a key at " +
        "https://platform.openai.com/api-keys, or from whoever runs OPENAI_BASE_URL"
      : undefined,
  create({ apiKey, baseUrl, model }, { thinking, log }) {
    const server: Server = {
      provider: "openai",
      url: baseUrl,
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      addressEnv: "OPENAI_BASE_URL",
      settings,
      unreachable: "check the network and OPENAI_BASE_URL; start that server",
    };
    const requestChat = createRequester(server, model, log, {
      limit: baseUrl === OPENAI ? "max_completion_tokens" : "max_tokens",
      effort: thinking === "off" ? "none" : thinking,
      refused: [],
    });
    return {
      name: server.provider,
      model,
      stream(request) {
        const reader = new AnswerReader(request.toolChoice);
        return streamAnswer(server, request, {
          format: "sse",
          send: (request) =>
            requestChat(
              (dialect) => toBody(request, model, dialect, thinking),
              request.signal,
            ),
          read: (event, answer) => reader.read(event, answer),
        });
      },
      async check(signal) {
        await listModels(server, signal);
      },
      async diagnose(_, signal) {
        const models = await listModels(server, signal);
        return diagnoseModel(server, models, model);
      },
    };
  },
};

function diagnoseModel(
  server: Server,
  models: string[],
  asked: string,
): Diagnosis[] {
  if (models.includes(asked)) {
    return [{ status: "ok", detail: `${asked} is there` }];
  }
  return [{
    // Other servers may accept models that they don't list; llama.cpp accepts any name.
    status: server.url === OPENAI ? "fail" : "warn",
    detail: `${toDisplayUrl(server)} doesn't list model "${asked}"`,
    fix: toModelFix(models),
  }];
}

/** The most changes to one request after refusals. */
const MAX_CHANGES = 5;

/** Creates a function that sends requests, and adapts the dialect when the server refuses one. */
function createRequester(
  server: Server,
  model: string,
  log: Log,
  dialect: Dialect,
) {
  return async (
    toBody: (dialect: Dialect) => object,
    signal: AbortSignal,
  ): Promise<Response> => {
    for (let changes = 0;; changes++) {
      const sent = dialect;
      const body = toBody(sent);
      try {
        return await requestPath(server, "/chat/completions", signal, body);
      } catch (error) {
        const reason = findRefusalReason(error);
        if (reason === undefined || changes >= MAX_CHANGES) throw error;
        // A concurrent request may have adapted it meanwhile.
        if (sent !== dialect) continue;
        const next = adaptDialect(sent, reason);
        if (next === undefined) {
          throw await addModels(error, server, model, signal);
        }
        dialect = next;
        const sendsTools = ({ refused }: Dialect) => !refused.includes("tools");
        if (sendsTools(sent) && !sendsTools(next)) {
          log.warn("openai.no_tools", { place: toDisplayUrl(server), reason });
        }
      }
    }
  };
}

/** Returns the server's message, if it may have refused a field of the request. */
function findRefusalReason(error: unknown): string | undefined {
  return error instanceof ProviderError &&
      [400, 404, 422, 500].includes(error.status ?? 0)
    ? String(error.cause)
    : undefined;
}

/** Lists the models that can chat; empty if the server has no list. */
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

/** Adds the server's models to an error about one that it doesn't list. */
async function addModels(
  error: unknown,
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<unknown> {
  if (!(error instanceof ProviderError)) return error;
  const { provider, status, retryable, cause } = error;
  if (!/model/i.test(String(cause))) return error;
  const models = await listModels(server, signal).catch((): string[] => []);
  if (models.length === 0 || models.includes(model)) return error;
  const message = `${provider} answered with status ${status}`;
  const fix = toModelFix(models);
  return new ProviderError(message, {
    provider,
    status,
    retryable,
    fix,
    cause,
  });
}

function toModelFix(models: readonly string[]): string {
  const such = models.slice(0, 5).join(", ");
  return `set OPENAI_MODEL to one of its models${such && ` (${such})`}, and ` +
    "check OPENAI_BASE_URL, which mostly ends in /v1";
}
