/**
 * Reads a vendor's streamed answer: one reader for all vendors.
 *
 * @module
 */
import { createParser } from "eventsource-parser";
import {
  MAX_BODY_BYTES,
  type Server,
  shorten,
  toReadError,
} from "./_server.ts";
import {
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Usage,
} from "./provider.ts";

/** The prefix of the call ids that Parley makes, which no vendor knows. */
export const OWN_ID_PREFIX = "call_";

/** The most characters of one part, so that a long text does not block the event loop and can be stopped within. */
const MAX_PART = 4_096;

/** Makes an object of a call's arguments or result, as servers require: models and tools may produce any JSON. */
export function toObject(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value
    : { result: value };
}

/** The part of an answer that has arrived, filled in by the vendor's reader. */
export class Answer {
  usage: { [Count in keyof Usage]: number | undefined } = {};
  /** How the answer ended; `undefined` until then. */
  end: "complete" | "cut" | ProviderError | undefined;
  /** Whether the answer is complete, although the body may go on. */
  isOver = false;
  /** The raw parts, for a vendor that needs them back with the calls. */
  readonly rawParts: unknown[] = [];
  #parts: ProviderPart[] = [];
  #hasText = false;
  readonly #callIds = new Set<string>();

  constructor(readonly provider: string) {}

  /** Adds text, which is merged with the text before it up to a length. */
  addText(text: string | null | undefined): void {
    if (!text) return;
    this.#hasText = true;
    const last = this.#parts.at(-1);
    const rest = MAX_PART - text.length;
    if (last?.type === "text-delta" && last.text.length <= rest) {
      last.text += text;
      return;
    }
    for (let at = 0; at < text.length; at += MAX_PART) {
      const part = text.slice(at, at + MAX_PART);
      this.#parts.push({ type: "text-delta", text: part });
    }
  }

  /** Adds a tool call. Without a unique id from the vendor, it gets a new one. */
  addCall(name: unknown, args: unknown = {}, id?: unknown): void {
    const isId = typeof id === "string" && id !== "" && !this.#callIds.has(id);
    const call = {
      id: isId ? id : `${OWN_ID_PREFIX}${crypto.randomUUID()}`,
      name: typeof name === "string" ? name : "",
      arguments: args,
    };
    this.#callIds.add(call.id);
    this.#parts.push({ type: "tool-call", call });
  }

  take(): ProviderPart[] {
    const parts = this.#parts;
    if (parts.length > 0) this.#parts = [];
    return parts;
  }

  toError(message: string, retryable = false): ProviderError {
    const { provider } = this;
    return new ProviderError(shorten(message), { provider, retryable });
  }

  /** @throws {ProviderError} when the answer is empty or incomplete */
  finish(): ProviderPart {
    const { end, usage, provider, rawParts } = this;
    if (end instanceof ProviderError) throw end;
    const hasCalls = this.#callIds.size > 0;
    if (!this.#hasText && !hasCalls) {
      const why = end === "cut"
        ? " before its limit of tokens; set MAX_ANSWER_TOKENS or, if the model " +
          "always thinks, LLM_THINKING higher"
        : "";
      throw this.toError(`Got an empty answer from ${provider}${why}`);
    }
    if (end === undefined) {
      throw this.toError(`The answer of ${provider} broke off`, true);
    }
    const counts = Object.entries(usage)
      .filter(([, count]) => typeof count === "number");
    return {
      type: "finish",
      usage: Object.fromEntries(counts),
      ...(hasCalls && rawParts.length > 0
        ? { providerMetadata: { provider, content: rawParts } }
        : {}),
      ...(end === "cut" ? { isCut: true } : {}),
    };
  }
}

/** Sends a request, and yields the answer as it arrives. `read` adds one message, a line or a Server-Sent Event, to the answer. */
export async function* streamAnswer(
  server: Server,
  request: ProviderRequest,
  { format, send, read }: {
    format: "ndjson" | "sse";
    send(request: ProviderRequest): Promise<Response>;
    read(message: string, answer: Answer): void;
  },
): AsyncGenerator<ProviderPart, void> {
  const { signal } = request;
  signal.throwIfAborted();
  const answer = new Answer(server.provider);
  let reader: ReadableStreamBYOBReader | undefined;
  let isWhole = false;
  try {
    const response = await send(request);
    // Deno (2.5 to 2.9.6) ignores the signal of a `fetch` whose response was
    // garbage-collected: this keeps a reference.
    signal.addEventListener("abort", () => void response);
    // One buffer is reused: Deno's default reader allocates 64 KiB for every
    // word, which doubles the cost of an answer.
    reader = (response.body ?? new Blob().stream())
      .getReader({ mode: "byob" });
    let buffer = new Uint8Array(BUFFER_BYTES);
    const decoder = new TextDecoder();
    const split = format === "sse" ? splitEvents : splitLines;
    const feed = split((message) => read(message, answer));
    let bytes = 0;
    for (let isRead = false; !isRead;) {
      const { done, value } = await reader.read(buffer);
      bytes += value?.length ?? 0;
      if (bytes > MAX_BODY_BYTES) throw new RangeError("It is too long");
      feed(done ? "\n" : decoder.decode(value, { stream: true }));
      if (value) buffer = new Uint8Array(value.buffer);
      for (const part of answer.take()) yield part;
      isRead = done || answer.isOver;
    }
    const last = answer.finish();
    isWhole = true;
    if (answer.isOver) void readToEnd(reader);
    yield last;
  } catch (cause) {
    signal.throwIfAborted();
    throw toReadError(server, cause);
  } finally {
    // The connection is reused only after a complete answer.
    if (!isWhole) reader?.cancel().catch(() => {});
  }
}

function splitEvents(
  read: (message: string) => void,
): (text: string) => void {
  const parser = createParser({ onEvent: ({ data }) => read(data) });
  return (text) => parser.feed(text);
}

function splitLines(
  read: (message: string) => void,
): (text: string) => void {
  let rest = "";
  return (text) => {
    const [first = "", ...others] = text.split("\n");
    // Only complete lines are examined: a line may come in thousands of pieces.
    rest += first;
    for (const next of others) {
      if (rest.trim() !== "") read(rest);
      rest = next;
    }
  };
}

const BUFFER_BYTES = 16_384;

/** How long the end of a body may take after its last message, in milliseconds. */
const END_MS = 1_000;

/** Reads the rest of the body, so that the connection can be reused. */
async function readToEnd(reader: ReadableStreamBYOBReader): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), END_MS);
  try {
    while (!(await reader.read(new Uint8Array(1_024))).done);
  } catch {
    // The answer was complete already.
  }
  clearTimeout(timer);
}
