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
import {
  ask,
  findings,
  readError,
  type Reply,
  withoutPassword,
} from "./_diagnosis.ts";
import { adapt, createChunkReader, toBody, toDialect } from "./_openai_wire.ts";
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
  { apiKey, baseUrl, model: named }: Values<OpenAiSettings>,
  { thinking, log }: Pick<VendorContext, "thinking" | "log">,
): Provider {
  const name = "openai";
  const place = withoutPassword(baseUrl);
  const isOpenAi = baseUrl === OPENAI;
  const headers = toHeaders(apiKey);
  let dialect = toDialect(isOpenAi, thinking);
  let model = named ?? (isOpenAi ? DEFAULT_MODEL : undefined);

  async function send(
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<Response> {
    model ??= await findOnlyModel(baseUrl, headers, signal);
    for (let changes = 0;; changes++) {
      const sent = dialect;
      const response = await fetch(`${baseUrl}/chat/completions`, {
        method: "POST",
        headers,
        body: JSON.stringify(toBody(request, model, sent)),
        signal,
      });
      if (response.ok) return response;
      const reason = readError(await response.text());
      if (!isRefusal(response.status) || changes >= MAX_CHANGES) {
        throw toStatusError(response, reason, model);
      }
      // Another question may have found it out meanwhile.
      if (sent !== dialect) continue;
      const next = adapt(sent, reason);
      if (next === undefined) throw toStatusError(response, reason, model);
      dialect = next;
      if (sent.hasTools && !next.hasTools) {
        const message =
          `Model "${model}" at ${place} is asked without tools, ` +
          `since it can't call any: ${reason}`;
        log.warn("openai.no_tools", { message });
      }
    }
  }

  function toError(
    cause: unknown,
    response: Response | undefined,
  ): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const message = response
      ? `Cannot read the answer of ${place}`
      : `Cannot reach ${place}`;
    return new ProviderError(message, {
      provider: name,
      retryable: true,
      cause,
    });
  }

  return {
    name,
    get model() {
      return model ?? "unknown";
    },
    stream(request) {
      const answer = new Answer(name);
      return streamAnswer({
        answer,
        format: "sse",
        signal: request.signal,
        send: (signal) => send(request, signal),
        read: createChunkReader(answer, request.toolChoice, () => {
          if (!dialect.isThinking) dialect = { ...dialect, isThinking: true };
        }),
        toError,
      });
    },
    async check(signal) {
      try {
        const response = await fetch(`${baseUrl}/models`, { headers, signal });
        const text = await response.text();
        // Not every server lists its models.
        if (response.ok || response.status === 404) return;
        throw toStatusError(response, readError(text), model);
      } catch (error) {
        throw toError(error, undefined);
      }
    },
  };
}

function toHeaders(apiKey: string | undefined): Record<string, string> {
  return {
    "content-type": "application/json",
    ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}),
  };
}

/** Whether a status may mean that a part of the question is not understood. */
function isRefusal(status: number): boolean {
  return [400, 404, 422, 500].includes(status);
}

/** The model of a server that has only one, not counting those that can't chat. */
async function findOnlyModel(
  baseUrl: string,
  headers: HeadersInit,
  signal: AbortSignal,
): Promise<string> {
  const { status, text, json } = await ask(`${baseUrl}/models`, {
    headers,
    signal,
  });
  if (status === 401 || status === 403) {
    const refusal = { status, headers: new Headers() };
    throw toStatusError(refusal, readError(text), undefined);
  }
  const models = toModels(json);
  const [only] = models;
  if (only !== undefined && models.length === 1) return only.id;
  const place = withoutPassword(baseUrl);
  throw new ProviderError(`${notNamed(place, models)}: set OPENAI_MODEL`, {
    provider: "openai",
    retryable: false,
  });
}

function notNamed(place: string, models: readonly ListedModel[]): string {
  return models.length === 0
    ? `OPENAI_MODEL is not set, and ${place} lists no model`
    : `OPENAI_MODEL is not set, and ${place} has ${models.length} models, such as ${
      models.slice(0, 3).map(({ id }) => id).join(", ")
    }`;
}

/** A model in a server's list. */
interface ListedModel {
  id: string;
  /** When OpenAI ends it, where that is known: `YYYY-MM-DD`. */
  shutdown_date?: string | null;
}

function toModels(json: { data?: unknown }): ListedModel[] {
  const list: ListedModel[] = Array.isArray(json.data) ? json.data : [];
  return list.filter(({ id }) => !/embed/i.test(id));
}

function toStatusError(
  { status, headers }: Pick<Response, "status" | "headers">,
  reason: string,
  model: string | undefined,
): ProviderError {
  const [what, fix, retryable] = explainStatus(status, reason, model);
  const ms = Number(headers.get("retry-after-ms")) || undefined;
  return new ProviderError(`Cannot ask model "${model}": ${what}; ${fix}`, {
    provider: "openai",
    status,
    retryable,
    retryAfterMs: ms ?? parseRetryAfter(headers.get("retry-after")),
    cause: reason,
  });
}

/** A status that isn't good: what it means, how to fix it, whether it may pass. */
function explainStatus(
  status: number,
  reason: string,
  model: string | undefined,
): [what: string, fix: string, mayPass: boolean] {
  switch (status) {
    case 401:
      return ["the API key is not valid (401)", GET_A_KEY, false];
    case 403:
      return [
        "the API key may not use it (403)",
        "check OPENAI_API_KEY",
        false,
      ];
    case 404:
      return [
        `there is no model "${model}" there, or no chat completions (404)`,
        "check OPENAI_MODEL and OPENAI_BASE_URL, which mostly ends in /v1",
        false,
      ];
    case 402:
    case 429:
      // OpenAI says the same of an account without credit, which doesn't pass.
      return status === 402 || /insufficient_quota/.test(reason)
        ? [`the account's credit is used up (${status})`, "top it up", false]
        : [
          "too much was asked for now (429)",
          "wait, or raise the limit",
          true,
        ];
  }
  return [
    `it answered with status ${status}`,
    status >= 500 ? "try again later" : "check OPENAI_BASE_URL",
    isRetryableStatus(status),
  ];
}

const { ok, warn, fail, unreachable } = findings("openai");

/** Looks at the address, the key and the model: asks for the list of models. */
async function diagnose(
  { apiKey, baseUrl, model: named }: Found<OpenAiSettings>,
  { now, signal }: DiagnosisContext,
): Promise<Finding[]> {
  const place = withoutPassword(baseUrl);
  const isOpenAi = baseUrl === OPENAI;
  const model = named ?? (isOpenAi ? DEFAULT_MODEL : undefined);
  let reply: Reply;
  try {
    const headers = toHeaders(apiKey);
    reply = await ask(`${baseUrl}/models`, { headers, signal });
  } catch (error) {
    const fix = "check the network and OPENAI_BASE_URL; start that server";
    return [unreachable(baseUrl, error, fix)];
  }
  const { status, text, json } = reply;
  if (status !== 200 && status !== 404) {
    const [what, fix] = explainStatus(status, readError(text), model);
    return [fail(`${what}: ${readError(text)}`, fix)];
  }
  const models = toModels(json);
  if (model === undefined) {
    return models.length === 1
      ? [ok(`${models[0]?.id} is the only model at ${place}`)]
      : [
        fail(notNamed(place, models), "set OPENAI_MODEL to one of its models"),
      ];
  }
  const fix =
    "set OPENAI_MODEL to one of its models, and check OPENAI_BASE_URL, " +
    "which mostly ends in /v1";
  const entry = models.find(({ id }) => id === model);
  if (entry === undefined) {
    const what = `${place} doesn't list model "${model}"`;
    // llama.cpp answers to any name.
    return [isOpenAi ? fail(what, fix) : warn(what, fix)];
  }
  const end = entry.shutdown_date;
  if (end) {
    const finding = Date.parse(end) <= now() ? fail : warn;
    return [finding(`model "${model}" is shut down on ${end}`, fix)];
  }
  return [ok(`${model} is there${apiKey ? ", and the key is valid" : ""}`)];
}
