/**
 * Any server with OpenAI's chat completions API: OpenAI itself, Groq, OpenRouter,
 * vLLM, LM Studio, llama.cpp.
 *
 * @module
 */
import { httpUrl, toHttpUrl } from "../settings/kinds.ts";
import type { Settings } from "../settings/setting.ts";
import { AnswerReader, type Body, findChange, toBody } from "./_openai_wire.ts";
import {
  requestJson,
  requestPath,
  type Server,
  toDisplayUrl,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import { ProviderError, type ProviderRequest } from "./provider.ts";
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

/** The most changes to one request after refusals. */
const MAX_CHANGES = 5;

/** Any server with OpenAI's chat completions API. */
export const openai: Vendor<typeof settings> = {
  settings,
  findProblem: ({ apiKey, baseUrl }) =>
    apiKey === undefined && baseUrl === OPENAI
      ? "OPENAI_API_KEY: is missing; get a key at " +
        "https://platform.openai.com/api-keys, or from whoever runs OPENAI_BASE_URL"
      : undefined,
  create({ apiKey, baseUrl, model }, { thinking, log }) {
    const server = toServer(baseUrl, apiKey);
    const limit = baseUrl === OPENAI ? "max_completion_tokens" : "max_tokens";
    /** What the server refused, with the value that replaces it, if there is one. */
    const changes: Body = {};
    let hasThought = false;

    async function send(request: ProviderRequest): Promise<Response> {
      const { signal } = request;
      for (let tries = 1;; tries++) {
        const body = {
          ...toBody(request, { model, limit, thinking, hasThought }),
          ...changes,
        };
        try {
          return await requestPath(server, "/chat/completions", signal, body);
        } catch (error) {
          const reason = findReason(error);
          const change = findChange(body, reason);
          if (change === undefined || tries > MAX_CHANGES) {
            throw await addModels(error, server, model, signal);
          }
          if ("tools" in change && !("tools" in changes)) {
            const place = toDisplayUrl(server);
            log.warn("openai.no_tools", { place, reason });
          }
          Object.assign(changes, change);
          // A model that refuses not to think at all does think.
          const { reasoning_effort: effort = "none" } = change;
          hasThought ||= effort !== "none";
        }
      }
    }

    return {
      name: server.provider,
      model,
      stream(request) {
        const reader = new AnswerReader(request.toolChoice);
        return streamAnswer(server, request, {
          format: "sse",
          send,
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
        return diagnoseModel(server, models, model);
      },
    };
  },
};

function toServer(url: string, apiKey: string | undefined): Server {
  return {
    provider: "openai",
    url,
    headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
    addressEnv: "OPENAI_BASE_URL",
    settings,
    unreachable: "check the network and OPENAI_BASE_URL; start that server",
  };
}

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

/** Returns the server's message, if it may have refused a field of the request or the model. */
function findReason(error: unknown): string {
  return error instanceof ProviderError &&
      [400, 404, 422, 500].includes(error.status ?? 0)
    ? String(error.cause)
    : "";
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

/** How long the list of models may delay an error, in milliseconds: a caller is waiting. */
const LIST_MS = 1_000;

/** Adds the server's models to an error about one that it doesn't list. */
async function addModels(
  error: unknown,
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<unknown> {
  const cause = findReason(error);
  if (!(error instanceof ProviderError) || error.retryable) return error;
  if (!/model/i.test(cause)) return error;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(LIST_MS)]);
  const models = await listModels(server, inTime).catch((): string[] => []);
  if (models.length === 0 || models.includes(model)) return error;
  const message = `openai answered with status ${error.status}`;
  return new ProviderError(message, {
    ...error,
    cause,
    fix: toModelFix(models),
  });
}

function toModelFix(models: readonly string[]): string {
  const such = models.slice(0, 5).join(", ");
  return `set OPENAI_MODEL to one of its models${such && ` (${such})`}, and ` +
    "check OPENAI_BASE_URL, which mostly ends in /v1";
}
