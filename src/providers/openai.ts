/**
 * Any server that speaks OpenAI's chat completions: OpenAI itself, Groq,
 * OpenRouter, vLLM, LM Studio, llama.cpp. Its settings, how it is asked, and
 * its diagnosis.
 *
 * @module
 */
import { toHttpUrl } from "../settings/kinds.ts";
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Setting, Values } from "../settings/setting.ts";
import { findings, toFinding } from "./_diagnosis.ts";
import { adapt, toDialect } from "./_openai_dialect.ts";
import { AnswerReader, toBody } from "./_openai_wire.ts";
import {
  findOnly,
  GET_A_KEY,
  type ListedModel,
  listModels,
  notNamed,
  toServer,
} from "./_openai_server.ts";
import { placeOf, requestPath, type Server } from "./_server.ts";
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

const OPENAI = "https://api.openai.com/v1";
const DEFAULT_MODEL = "gpt-6-luna";

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
      default: OPENAI,
      parse: toBaseUrl,
      expected: "an address such as http://127.0.0.1:1234/v1",
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
  diagnose,
};

/** Examples often show the address that questions go to; we need the one above. */
function toBaseUrl(text: string): string {
  return toHttpUrl(text).replace(/\/chat\/completions$/, "");
}

/** The most that a server's refusals may change of one question. */
const MAX_CHANGES = 5;

/** Makes a provider that asks such a server. */
export function createOpenAi(
  values: Values<OpenAiSettings>,
  { thinking, log }: Pick<VendorContext, "thinking" | "log">,
): Provider {
  const isOpenAi = values.baseUrl === OPENAI;
  let model = values.model ?? (isOpenAi ? DEFAULT_MODEL : undefined);
  let dialect = toDialect(isOpenAi, thinking);
  const server = toServer(values, () => model);

  async function send(
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    model ??= findOnly(server, await listModels(server, signal));
    for (let changes = 0;; changes++) {
      const sent = dialect;
      const body = toBody(request, model, sent);
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
          const message = sayNoTools(server, model, reason);
          log.warn("openai.no_tools", { message });
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
          if (reader.hasThought && !dialect.isThinking) {
            dialect = { ...dialect, isThinking: true };
          }
        },
      });
    },
    async check(signal) {
      await listModels(server, signal);
    },
  };
}

function sayNoTools(server: Server, model: string, reason: string): string {
  return `Model "${model}" at ${placeOf(server)} is asked without tools, ` +
    `since it can't call any: ${reason}`;
}

/** In which words a server refused what it may not have understood. */
function findReason(error: unknown): string | undefined {
  return error instanceof ProviderError &&
      [400, 404, 422, 500].includes(error.status ?? 0)
    ? String(error.cause)
    : undefined;
}

const { ok, warn, fail } = findings("openai");

/** Looks at the address, the key and the model: asks for the list of models. */
async function diagnose(
  values: Found<OpenAiSettings>,
  { now, signal }: DiagnosisContext,
): Promise<Finding[]> {
  const isOpenAi = values.baseUrl === OPENAI;
  const model = values.model ?? (isOpenAi ? DEFAULT_MODEL : undefined);
  const server = toServer(values, () => model);
  let models: ListedModel[];
  try {
    models = await listModels(server, signal);
  } catch (error) {
    return [toFinding(server, error)];
  }
  const [first] = models;
  if (model === undefined) {
    return first !== undefined && models.length === 1
      ? [ok(`${first.id} is the only model at ${placeOf(server)}`)]
      : [fail(notNamed(server, models), "set OPENAI_MODEL to one of them")];
  }
  const fix =
    "set OPENAI_MODEL to one of its models, and check OPENAI_BASE_URL, " +
    "which mostly ends in /v1";
  const entry = models.find(({ id }) => id === model);
  if (entry === undefined) {
    const what = `${placeOf(server)} doesn't list model "${model}"`;
    // llama.cpp answers to any name.
    return [isOpenAi ? fail(what, fix) : warn(what, fix)];
  }
  const end = entry.shutdown_date;
  if (end) {
    const finding = Date.parse(end) <= now() ? fail : warn;
    return [finding(`model "${model}" is shut down on ${end}`, fix)];
  }
  const isKeyValid = values.apiKey ? ", and the key is valid" : "";
  return [ok(`${model} is there${isKeyValid}`)];
}
