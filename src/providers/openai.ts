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
    help: `That server's model. Unset: ${DEFAULT_MODEL} at OpenAI, elsewhere ` +
      "the server's only one.",
    secret: false,
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
  create({ apiKey, baseUrl, model: named }, { thinking, log }) {
    const isOpenAi = baseUrl === OPENAI;
    let model = named ?? (isOpenAi ? DEFAULT_MODEL : undefined);
    const server: Server = {
      provider: "openai",
      url: baseUrl,
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      addressEnv: "OPENAI_BASE_URL",
      settings,
      unreachable: "check the network and OPENAI_BASE_URL; start that server",
    };
    let hasThought = false;
    const requestChat = createRequester(server, log, {
      limit: isOpenAi ? "max_completion_tokens" : "max_tokens",
      effort: thinking === "off" ? "none" : thinking,
      refused: [],
    });
    return {
      name: server.provider,
      get model() {
        return model ?? "unknown";
      },
      stream(request) {
        const reader = new AnswerReader(request.toolChoice);
        return streamAnswer(server, request, {
          format: "sse",
          async send(request) {
            const { signal } = request;
            model ??= findOnlyModel(server, await listModels(server, signal));
            const asked = model;
            return await requestChat(
              (dialect) => toBody(request, asked, dialect, hasThought),
              signal,
            );
          },
          read(event, answer) {
            reader.read(event, answer);
            hasThought ||= reader.hasThought;
          },
        });
      },
      async check(signal) {
        await listModels(server, signal);
      },
      async diagnose(_, signal) {
        const models = await listModels(server, signal);
        return diagnoseModel(
          server,
          models,
          model ?? findOnlyModel(server, models),
        );
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
    fix: "set OPENAI_MODEL to one of its models, and check OPENAI_BASE_URL, " +
      "which mostly ends in /v1",
  }];
}

/** The most changes to one request after refusals. */
const MAX_CHANGES = 5;

/** Creates a function that sends requests, and adapts the dialect when the server refuses one. */
function createRequester(server: Server, log: Log, dialect: Dialect) {
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
        if (next === undefined) throw error;
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

/**
 * Returns the only model of a server.
 *
 * @throws {ProviderError} when there are several or none
 */
function findOnlyModel(server: Server, models: readonly string[]): string {
  const [only] = models;
  if (only !== undefined && models.length === 1) return only;
  const such = models.length > 0
    ? `, such as ${models.slice(0, 3).join(", ")}`
    : "";
  const message =
    `OPENAI_MODEL is not set, and ${toDisplayUrl(server)} lists ` +
    `${models.length} models${such}`;
  throw new ProviderError(message, {
    provider: server.provider,
    retryable: false,
    fix: models.length > 0
      ? "set OPENAI_MODEL"
      : "check OPENAI_BASE_URL, which mostly ends in /v1, or set OPENAI_MODEL",
  });
}
