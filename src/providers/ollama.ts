/**
 * Ollama on the owner's own machine: its settings, how it is asked through
 * `npm:ollama`, and its diagnosis.
 *
 * The SDK has no signal for one request: `abort()` on a client ends every
 * stream of that client and none that still waits for its headers. So each
 * question gets a client of its own whose `fetch` carries the turn's signal.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { ChatRequest, Ollama } from "ollama";
import { explain } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Setting, Values } from "../settings/setting.ts";
import { ask, findings, withoutPassword } from "./_diagnosis.ts";
import {
  chooseModel,
  DEFAULT_MODEL,
  diagnoseModel,
  isSameModel,
} from "./_ollama_models.ts";
import {
  type Model,
  readLine,
  toKeepAlive,
  toLimit,
  toLines,
  toThink,
  toTools,
} from "./_ollama_wire.ts";
import { Answer, streamAnswer } from "./_stream.ts";
import {
  isRetryableStatus,
  parseRetryAfter,
  type PromptBeginning,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";
import type { DiagnosisContext, Vendor, VendorContext } from "./vendor.ts";

/** Ollama's settings. */
export type OllamaSettings = {
  host: Defaulted;
  model: Setting;
  keepAlive: Defaulted;
};

/** Ollama, on the owner's own machine. */
export const ollama: Vendor<OllamaSettings> = {
  settings: {
    host: {
      env: "OLLAMA_HOST",
      help:
        "Where Ollama listens. Whoever sets this or the model means Ollama: an " +
        "answer then waits for it to be there, and callers hear ERROR_MESSAGE meanwhile.",
      default: "http://127.0.0.1:11434",
      selects: true,
      parse: toOllamaUrl,
      expected: "an address such as http://127.0.0.1:11434",
    },
    model: {
      env: "OLLAMA_MODEL",
      help:
        `The Ollama model. Unset: ${DEFAULT_MODEL} if it is pulled, else the ` +
        "smallest pulled model that can chat.",
      selects: true,
      secret: false,
    },
    keepAlive: {
      env: "OLLAMA_KEEP_ALIVE",
      help:
        "How long the model stays in memory after a turn, so that the next " +
        "caller need not wait for it: a time such as 30m or 2h, -1 for good.",
      default: "30m",
      parse: toDuration,
      expected: "a time such as 30m or 2h, or -1 for good",
    },
  },
  create: createOllama,
  async find({ host }, signal) {
    try {
      const response = await fetch(`${host}/api/version`, { signal });
      await response.body?.cancel();
      return response.ok ? `it answers at ${host}` : undefined;
    } catch {
      // Not there, which is an answer too.
      return undefined;
    }
  },
  diagnose,
};

/**
 * Makes an address that can be dialled of what `OLLAMA_HOST` may hold. Ollama's
 * own server reads the same variable, so `0.0.0.0` and a bare `host:port` are
 * normal there.
 *
 * @throws {TypeError} when it is no address
 */
export function toOllamaUrl(value: string): string {
  const url = new URL(/^https?:\/\//i.test(value) ? value : `http://${value}`);
  if (url.port === "" && !/^https?:\/\//i.test(value)) url.port = "11434";
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return url.href.replace(/\/+$/, "");
}

/** @throws {SyntaxError} when it is no time that Ollama understands */
function toDuration(text: string): string {
  if (/^(-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) return text;
  throw new SyntaxError(`Not a time: ${text}`);
}

/** Makes a provider that asks Ollama. The SDK is loaded on the first question. */
export function createOllama(
  options: Values<OllamaSettings>,
  { contextTokens, thinking, log }: VendorContext,
): Provider {
  const name = "ollama";
  let known: Model | undefined;

  /** @param seen takes the response to `chat`, which is read by us, not by the SDK */
  async function connect(
    signal: AbortSignal,
    seen: Seen = {},
  ): Promise<Ollama> {
    // 23 ms to import on Deno 2.9: only for those who use it.
    const { Ollama } = await import("ollama");
    return new Ollama({
      host: options.host,
      fetch: async (url, init) => {
        const response = await fetch(url, { ...init, signal });
        const isChat = String(url).endsWith("/api/chat");
        if (isChat) seen.response = response;
        if (response.ok) return isChat ? new Response("") : response;
        // The SDK writes to the console where an error isn't JSON.
        const { status, headers } = response;
        if (headers.get("content-type")?.includes("json")) return response;
        return Response.json({ error: await response.text() }, { status });
      },
    });
  }

  async function findModel(client: Ollama): Promise<Model> {
    if (known) return known;
    const name = options.model ?? await chooseModel(client);
    const { capabilities } = await client.show({ model: name });
    // Another question may have found it out meanwhile.
    if (known) return known;
    known = { name, capabilities };
    if (options.model === undefined) {
      const why = name === DEFAULT_MODEL
        ? "it is the default"
        : `${DEFAULT_MODEL} is not pulled, and this is the smallest that can chat`;
      log.info("ollama.model_chosen", { model: name, why });
    }
    return known;
  }

  function toRequest({ name, capabilities }: Model, limit = {}) {
    return {
      model: name,
      keep_alive: toKeepAlive(options.keepAlive),
      // The window is always the same: another would load the model anew.
      options: { num_ctx: contextTokens, ...limit },
      think: toThink(name, thinking, capabilities),
    };
  }

  function stream(
    request: PromptBeginning & Pick<ProviderRequest, "toolChoice" | "signal">,
    toLimitOf: (model: Model) => { num_predict?: number },
    answer = new Answer(name),
  ): AsyncGenerator<ProviderPart, void> {
    const seen: Seen = {};
    return streamAnswer({
      answer,
      format: "ndjson",
      signal: request.signal,
      async send(signal) {
        const client = await connect(signal, seen);
        const model = await findModel(client);
        const chat: ChatRequest & { stream: true } = {
          ...toRequest(model, toLimitOf(model)),
          messages: toLines(request),
          stream: true,
          ...toTools(request, model),
        };
        await client.chat(chat);
        if (seen.response === undefined) throw new TypeError("No response");
        return seen.response;
      },
      read: (line) => readLine(JSON.parse(line), answer),
      toError: (error) => toError(error, seen),
    });
  }

  function toError(cause: unknown, { response }: Seen = {}): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const status = statusOf(cause);
    const model = modelName();
    let message = "Cannot read Ollama's answer";
    if (status === 404) {
      message =
        cause instanceof Error && /model .*not found/.test(cause.message)
          ? `Ollama has no model "${model}": run \`ollama pull ${model}\``
          : `What answers at ${
            withoutPassword(options.host)
          } is not Ollama (status 404): check OLLAMA_HOST`;
    } else if (status !== undefined) {
      message = `Cannot ask Ollama model "${model}": status ${status}`;
    } else if (cause instanceof TypeError && response === undefined) {
      message = `Cannot reach Ollama at ${
        withoutPassword(options.host)
      }: is it running?`;
    }
    return new ProviderError(message, {
      provider: name,
      status,
      retryable: status === undefined || isRetryableStatus(status),
      retryAfterMs: parseRetryAfter(response?.headers.get("retry-after")),
      cause,
    });
  }

  function modelName(): string {
    return known?.name ?? options.model ?? DEFAULT_MODEL;
  }

  return {
    name,
    get model() {
      return modelName();
    },
    stream: (request) =>
      stream(request, ({ name }) => toLimit(request.maxTokens, name, thinking)),
    async check(signal) {
      try {
        const client = await connect(signal);
        const { name } = await findModel(client);
        await client.show({ model: name });
      } catch (error) {
        throw toError(error);
      }
    },
    /** Loads the model and has it read the beginning, for which it must say a word. */
    async prepare(signal, beginning) {
      const question = { ...beginning, signal };
      const answer = new Answer(name);
      const limit = () => ({ num_predict: 1 });
      let parts = 0;
      try {
        for await (const _ of stream(question, limit, answer)) {
          // One that says more than it was asked to is left.
          if (++parts >= 8) return;
        }
      } catch (error) {
        // An answer without a word is as good here.
        if (answer.end === undefined) throw error;
      }
    },
    /**
     * Ollama lists a model once it has begun to load it, and answers a request
     * without a prompt when it has loaded it.
     */
    async isLoading(signal) {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
      let isListed = false;
      try {
        const client = await connect(inTime);
        const request = toRequest(await findModel(client));
        const { models } = await client.ps();
        isListed = models.some(({ name }) => isSameModel(name, request.model));
        if (!isListed) return true;
        const askedAt = performance.now();
        await client.generate({ ...request, prompt: "" });
        // It has loaded it just now, and has yet to read the prompt.
        return performance.now() - askedAt > LOADED_MS;
      } catch {
        return isListed && inTime.aborted && !signal.aborted;
      }
    },
  };
}

/** What came back from Ollama, which the SDK doesn't show. */
interface Seen {
  response?: Response;
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;

/** The SDK does not export its error class; its field is the sign. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "status_code" in error &&
      typeof error.status_code === "number"
    ? error.status_code
    : undefined;
}

/** Looks at the server, then at the model. */
async function diagnose(
  values: Found<OllamaSettings>,
  context: DiagnosisContext,
): Promise<Finding[]> {
  const { ok, fail, unreachable } = findings("ollama");
  const { host } = values;
  const { signal } = context;
  const place = withoutPassword(host);
  let version: unknown;
  try {
    const { status, json } = await ask(`${host}/api/version`, { signal });
    version = json.version;
    if (typeof version !== "string") {
      const what = `what answers at ${place} is not Ollama (status ${status})`;
      return [fail(what, "check OLLAMA_HOST")];
    }
  } catch (error) {
    return [unreachable(host, error, START)];
  }
  const server = ok(`version ${version} answers at ${place}`);
  // The provider's own way of choosing a model, so that both choose the same.
  const provider = createOllama(values, context);
  try {
    await provider.check(signal);
  } catch (error) {
    const { model } = provider;
    if (!(error instanceof ProviderError && error.status === 404)) {
      return [server, fail(explain(error), "look at Ollama's own log")];
    }
    const fix = `ollama pull ${model}, or deno task doctor --pull` +
      (values.model === undefined ? "" : "; or check OLLAMA_MODEL");
    const missing = fail(`model "${model}" is not pulled`, fix);
    return [server, { ...missing, missingModel: model }];
  }
  return [server, ...await diagnoseModel(host, provider.model, context)];
}

const START =
  "start it: ollama serve. Where it runs on another machine or outside the container, set " +
  "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others";
