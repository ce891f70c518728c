/**
 * Ollama on the owner's own machine, through `npm:ollama`.
 *
 * The SDK has no signal for one request: `abort()` on a client ends every
 * stream of that client and none that still waits for its headers. So each
 * question gets a client of its own whose `fetch` carries the turn's signal.
 *
 * Wire: https://docs.ollama.com/api/chat
 *
 * @module
 */
import type { ChatRequest, Ollama } from "ollama";
import type { Log } from "../server/log.ts";
import { type BodyReader, readBody } from "./_body.ts";
import { holdResponse, linkedSignal } from "./_link.ts";
import {
  type Model,
  toKeepAlive,
  toLimit,
  toLines,
  toParts,
  toThink,
  toTools,
} from "./_ollama_wire.ts";
import {
  isRetryableStatus,
  parseRetryAfter,
  type PromptBeginning,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Thinking,
} from "./provider.ts";

/** The model that is asked for when none is named and none is installed. */
export const DEFAULT_OLLAMA_MODEL = "qwen3.5:4b";

/** What is needed to reach Ollama. */
export interface OllamaOptions {
  /** Address to dial, e.g. `http://127.0.0.1:11434`. */
  host: string;
  /** Absent: the default model if it is installed, else the smallest that can chat. */
  model?: string;
  /** How long the model stays loaded after a turn: `30m`, `-1` for good. */
  keepAlive: string;
  /** The window in tokens. Ollama's own default drops what doesn't fit, unsaid. */
  contextTokens: number;
  /** How much the model thinks before it speaks, where it can. */
  thinking: Thinking;
  /** Told which model was chosen. */
  log: Log;
}

/** Makes a provider that asks Ollama. The SDK is loaded on the first question. */
export function createOllama(options: OllamaOptions): Provider {
  const name = "ollama";
  let known: Model | undefined;

  /** @param answer takes what the SDK doesn't tell of the answer that is streamed */
  async function connect(
    signal: AbortSignal,
    answer?: StreamedAnswer,
  ): Promise<Ollama> {
    // 23 ms to import on Deno 2.9: only for those who use it.
    const { Ollama } = await import("ollama");
    return new Ollama({
      host: options.host,
      fetch: async (url, init) => {
        const response = await fetch(url, { ...init, signal });
        if (answer === undefined || !String(url).endsWith("/api/chat")) {
          return response;
        }
        const retryAfter = response.headers.get("retry-after");
        answer.retryAfterMs = parseRetryAfter(retryAfter);
        if (!response.ok || response.body === null) return response;
        holdResponse(response, signal);
        const reader = readBody(response.body);
        answer.reader = reader;
        // All that the SDK asks of it. It stops reading at the last line, and
        // the reader is needed to read on to the end.
        return { ok: true, body: { getReader: () => reader } } as never;
      },
    });
  }

  async function findModel(client: Ollama): Promise<Model> {
    if (known) return known;
    const name = options.model ?? await chooseModel(client);
    const { capabilities } = await client.show({ model: name });
    known = { name, capabilities };
    if (options.model === undefined) {
      const why = name === DEFAULT_OLLAMA_MODEL
        ? "it is the default"
        : `${DEFAULT_OLLAMA_MODEL} is not pulled, and this is the smallest that can chat`;
      options.log.info("ollama.model_chosen", { model: name, why });
    }
    return known;
  }

  function toRequest({ name, capabilities }: Model, limit = {}) {
    return {
      model: name,
      keep_alive: toKeepAlive(options.keepAlive),
      // The window is always the same: another would load the model anew.
      options: { num_ctx: options.contextTokens, ...limit },
      think: toThink(name, options.thinking, capabilities),
    };
  }

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    // Leaving the SDK's loop stops nothing; aborting the fetch does.
    using upstream = linkedSignal(request.signal);
    const answer: StreamedAnswer = {};
    let answered = false;
    try {
      const client = await connect(upstream.signal, answer);
      const model = await findModel(client);
      const limit = toLimit(request.maxTokens, model.name, options.thinking);
      const chat: ChatRequest & { stream: true } = {
        ...toRequest(model, limit),
        messages: toLines(request),
        stream: true,
        ...toTools(request, model),
      };
      for await (const chunk of await client.chat(chat)) {
        for (const part of toParts(chunk)) {
          if (part.type !== "finish") answered = true;
          else if (!answered) throw emptyAnswer();
          yield part;
        }
        if (!chunk.done) continue;
        upstream.release();
        void readToEnd(answer.reader);
        return;
      }
    } catch (error) {
      request.signal.throwIfAborted();
      throw toProviderError(error, answer);
    }
  }

  /** Loads the model and has it read the beginning, for which it must say a word. */
  async function prepare(
    signal: AbortSignal,
    beginning: PromptBeginning,
  ): Promise<void> {
    using upstream = linkedSignal(signal);
    const answer: StreamedAnswer = {};
    try {
      const client = await connect(upstream.signal, answer);
      const model = await findModel(client);
      const chat: ChatRequest & { stream: true } = {
        ...toRequest(model, { num_predict: 1 }),
        messages: toLines(beginning),
        stream: true,
        ...toTools(beginning, model),
      };
      let words = 0;
      for await (const chunk of await client.chat(chat)) {
        // One that says more than it was asked to is left.
        if (!chunk.done && ++words < 8) continue;
        if (chunk.done) {
          upstream.release();
          void readToEnd(answer.reader);
        }
        return;
      }
    } catch (error) {
      throw toProviderError(error);
    }
  }

  /**
   * Ollama lists a model once it has begun to load it, and answers a request
   * without a prompt when it has loaded it.
   */
  async function isLoading(signal: AbortSignal): Promise<boolean> {
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
  }

  async function check(signal: AbortSignal): Promise<void> {
    try {
      const client = await connect(signal);
      const { name } = await findModel(client);
      await client.show({ model: name });
    } catch (error) {
      throw toProviderError(error);
    }
  }

  function toProviderError(
    cause: unknown,
    { reader, retryAfterMs }: StreamedAnswer = {},
  ): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const status = statusOf(cause);
    const model = modelName();
    let message = `Cannot read Ollama's answer`;
    if (status === 404) {
      message = `Ollama has no model "${model}": run \`ollama pull ${model}\``;
    } else if (status !== undefined) {
      message = `Cannot ask Ollama model "${model}": status ${status}`;
    } else if (cause instanceof TypeError && reader === undefined) {
      message = `Cannot reach Ollama at ${options.host}: is it running?`;
    }
    return new ProviderError(message, {
      provider: name,
      ...(status === undefined ? {} : { status }),
      retryable: status === undefined || isRetryableStatus(status),
      retryAfterMs,
      cause,
    });
  }

  function modelName(): string {
    return known?.name ?? options.model ?? DEFAULT_OLLAMA_MODEL;
  }

  return {
    name,
    get model() {
      return modelName();
    },
    stream,
    check,
    prepare,
    isLoading,
  };
}

/** What the SDK doesn't tell of an answer. */
interface StreamedAnswer {
  /** Its body, once it began well. */
  reader?: BodyReader;
  /** What was said of another try, where it didn't. */
  retryAfterMs?: number | undefined;
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;

/** How long the end of a body may take after its last line. */
const END_MS = 1_000;

/** Reads what follows the last line, so that the connection serves again. */
async function readToEnd(
  reader: BodyReader | undefined,
): Promise<void> {
  if (reader === undefined) return;
  const timer = setTimeout(() => reader.cancel().catch(() => {}), END_MS);
  try {
    while (!(await reader.read()).done);
  } catch {
    // All that was needed had come.
  }
  clearTimeout(timer);
}

/** A name without a tag means the tag `latest`. */
function isSameModel(listed: string, asked: string): boolean {
  return listed === asked || listed === `${asked}:latest`;
}

function emptyAnswer(): ProviderError {
  return new ProviderError("Ollama gave an empty answer", {
    provider: "ollama",
    retryable: false,
  });
}

/**
 * The default model when it is installed, else the smallest installed one
 * that can chat, else the default, whose absence the next call then reports.
 */
async function chooseModel(client: Ollama): Promise<string> {
  const { models } = await client.list();
  if (models.some(({ name }) => name === DEFAULT_OLLAMA_MODEL)) {
    return DEFAULT_OLLAMA_MODEL;
  }
  const bySize = models
    // Entries of Ollama's cloud are a few hundred bytes: not on this machine.
    .filter(({ size }) => size > 1_000_000)
    .sort((a, b) => a.size - b.size);
  for (const { name } of bySize) {
    const { capabilities } = await client.show({ model: name });
    if (capabilities?.includes("completion") ?? true) return name;
  }
  throw new ProviderError(
    `Ollama has no model that can chat: run \`ollama pull ${DEFAULT_OLLAMA_MODEL}\``,
    { provider: "ollama", retryable: false },
  );
}

/** The SDK does not export its error class; its field is the sign. */
function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "status_code" in error &&
      typeof error.status_code === "number"
    ? error.status_code
    : undefined;
}

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
