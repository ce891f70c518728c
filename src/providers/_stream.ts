/**
 * Reads a vendor's streamed answer: one reader for all vendors.
 *
 * @module
 */
import { createParser } from "eventsource-parser";
import {
  MAX_BODY_BYTES,
  type Server,
  toReadError,
  toWords,
} from "./_server.ts";
import {
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
  type Usage,
} from "./provider.ts";

/** How the ids begin that we make up. */
export const OWN_ID = "call_";

/** The longest part of a text: whoever reads it may stop before the next, and does other work in between. */
const MAX_PART = 4_096;

/** A call's arguments or result as servers take it: as an object, although a model may write arguments, and a tool return, anything. */
export function toObject(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value
    : { result: value };
}

/** An answer as far as it has come. A vendor's wire fills it in. */
export class Answer {
  usage: { [Count in keyof Usage]: number | undefined } = {};
  /** Why the model stopped; `undefined` while it hasn't. */
  end: "complete" | "cut" | ProviderError | undefined;
  /** Whether nothing of interest follows, although the body may go on. */
  isOver = false;
  /** What came, for a vendor that wants it back with the calls. */
  readonly kept: unknown[] = [];
  #parts: ProviderPart[] = [];
  #hasText = false;
  readonly #callIds = new Set<string>();

  constructor(readonly provider: string) {}

  /** The model said this. What arrives together becomes one part, up to a length. */
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

  /** The model calls a tool. Where the vendor gives the call no id of its own, it gets one of ours. */
  addCall(name: unknown, args: unknown = {}, id?: unknown): void {
    const isId = typeof id === "string" && id !== "" && !this.#callIds.has(id);
    const call = {
      id: isId ? id : `${OWN_ID}${crypto.randomUUID()}`,
      name: typeof name === "string" ? name : "",
      arguments: args,
    };
    this.#callIds.add(call.id);
    this.#parts.push({ type: "tool-call", call });
  }

  /** Hands out what has come since the last time. */
  take(): ProviderPart[] {
    const parts = this.#parts;
    if (parts.length > 0) this.#parts = [];
    return parts;
  }

  /** A failure that would come again, whoever asks, unless told otherwise. */
  toError(message: string, retryable = false): ProviderError {
    const { provider } = this;
    return new ProviderError(toWords(message), { provider, retryable });
  }

  /** @throws {ProviderError} when this is no whole answer */
  finish(): ProviderPart {
    const { end, usage, provider, kept } = this;
    if (end instanceof ProviderError) throw end;
    const hasCalls = this.#callIds.size > 0;
    if (!this.#hasText && !hasCalls) {
      const why = end === "cut" ? " before its limit of tokens" : "";
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
      ...(hasCalls && kept.length > 0
        ? { providerMetadata: { provider, content: kept } }
        : {}),
      ...(end === "cut" ? { isCut: true } : {}),
    };
  }
}

/**
 * Asks, and passes on the answer as it comes.
 *
 * @param format how the vendor parts the messages of its answer: by lines, or as events
 * @param send asks; what has no good status is thrown
 */
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
    // Deno (2.5 to 2.9.6) forgets the signal of a `fetch` whose response was
    // collected as garbage: this holds it.
    signal.addEventListener("abort", () => void response);
    // Into one buffer of our own: Deno's own reader makes one of 64 KiB for
    // every word, which doubles what an answer costs.
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
    // Only after a whole answer is the connection left to the next question.
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
    // Only what ends is looked at: a line may come in thousands of pieces.
    rest += first;
    for (const next of others) {
      if (rest.trim() !== "") read(rest);
      rest = next;
    }
  };
}

const BUFFER_BYTES = 16_384;

/** How long the end of a body may take after its last message. */
const END_MS = 1_000;

/** Reads what follows the last message, so that the connection serves again. */
async function readToEnd(reader: ReadableStreamBYOBReader): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), END_MS);
  try {
    while (!(await reader.read(new Uint8Array(1_024))).done);
  } catch {
    // All that was needed had come.
  }
  clearTimeout(timer);
}
