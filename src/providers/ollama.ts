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
import type { Log } from "../log.ts";
import { link } from "./_link.ts";
import {
  type Model,
  toKeepAlive,
  toLines,
  toParts,
  toThink,
  toTools,
} from "./_ollama_wire.ts";
import {
  isRetryableStatus,
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

  async function connect(signal: AbortSignal): Promise<Ollama> {
    // 23 ms to import on Deno 2.9: only for those who use it.
    const { Ollama } = await import("ollama");
    return new Ollama({
      host: options.host,
      fetch: async (url, init) => {
        const response = await fetch(url, { ...init, signal });
        // The SDK stops reading at the last line, short of the body's end, and
        // the body would linger. Through a pipe it is read to its end, or
        // cancelled with the signal.
        return new Response(
          response.body?.pipeThrough(new TransformStream(), { signal }),
          response,
        );
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

  function toRequest({ name, capabilities }: Model) {
    return {
      model: name,
      keep_alive: toKeepAlive(options.keepAlive),
      // Always the same: another number would load the model anew.
      options: { num_ctx: options.contextTokens },
      think: toThink(name, options.thinking, capabilities),
    };
  }

  async function* stream(
    request: ProviderRequest,
  ): AsyncIterable<ProviderPart> {
    // Leaving the SDK's loop stops nothing; aborting the fetch does.
    using upstream = link(request.signal);
    let answering = false;
    try {
      const client = await connect(upstream.signal);
      const model = await findModel(client);
      const chat: ChatRequest & { stream: true } = {
        ...toRequest(model),
        messages: toLines(request),
        stream: true,
        ...toTools(request, model),
      };
      const chunks = await client.chat(chat);
      answering = true;
      yield* toParts(chunks);
    } catch (error) {
      request.signal.throwIfAborted();
      throw toProviderError(error, answering);
    }
  }

  /** Loads the model: a request without messages does no more than that. */
  async function prepare(signal: AbortSignal): Promise<void> {
    try {
      const client = await connect(signal);
      const model = await findModel(client);
      await client.chat({ ...toRequest(model), messages: [], stream: false });
    } catch (error) {
      throw toProviderError(error);
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

  function toProviderError(cause: unknown, answering = false): ProviderError {
    if (cause instanceof ProviderError) return cause;
    const status = statusOf(cause);
    const model = modelName();
    let message = `Cannot read Ollama's answer`;
    if (status === 404) {
      message = `Ollama has no model "${model}": run \`ollama pull ${model}\``;
    } else if (status !== undefined) {
      message = `Cannot ask Ollama model "${model}": status ${status}`;
    } else if (cause instanceof TypeError && !answering) {
      message = `Cannot reach Ollama at ${options.host}: is it running?`;
    }
    return new ProviderError(message, {
      provider: name,
      ...(status === undefined ? {} : { status }),
      retryable: status === undefined || isRetryableStatus(status),
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
  };
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
