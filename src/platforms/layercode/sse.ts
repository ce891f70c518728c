/**
 * The answer to a turn, as Layercode reads it: Server-Sent Events, each one
 * `data:` line with one JSON object, and `response.end` exactly once, last.
 *
 * https://docs.layercode.com/api-reference/webhook-sse-api
 *
 * @module
 */
/** One piece of an answer. */
export type AnswerPart =
  /** Text to speak. */
  | { type: "speech"; text: string }
  /** Any JSON, handed to the browser as it is. */
  | { type: "data"; content: unknown }
  /** How the turn went. Sent only to those who ask for it. */
  | { type: "summary"; status: string; details: AnswerDetails };

/** Who answered, and what it took. */
export interface AnswerDetails {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  provider?: string | undefined;
  /** As the vendor spells it. */
  model?: string | undefined;
  /** Until the first word, in milliseconds. */
  firstWordsMs?: number | undefined;
  /** Until the end, in milliseconds. */
  totalMs?: number | undefined;
  /** What the model was shown. */
  inputTokens?: number | undefined;
  /** What the model answered. */
  outputTokens?: number | undefined;
  /** How long the model took to read what it was shown, in milliseconds. */
  promptMs?: number | undefined;
  /** How much of what it was shown it had read before, in tokens. */
  cachedTokens?: number | undefined;
  /** Why the answer was ended, where the model went on and on. */
  ended?: string | undefined;
}

/**
 * The request header by which our own tools ask for one more event, just
 * before the end: `parley.turn`, a {@linkcode TurnEvent}. Layercode never does.
 */
export const DETAILS_HEADER = "parley-details";

/** How a turn went, as our own tools read it. */
export interface TurnEvent {
  /** Its name. */
  type: "parley.turn";
  /** The turn that was answered. */
  turn_id: string;
  /** `complete`, `interrupted` or `failed`. */
  status: string;
  /** The vendor, as `LLM_PROVIDER` spells it. */
  provider?: string | undefined;
  /** As the vendor spells it. */
  model?: string | undefined;
  /** Until the first word, in milliseconds, without the network. */
  first_words_ms?: number | undefined;
  /** Until the end, in milliseconds, without the network. */
  total_ms?: number | undefined;
  /** What the model was shown. */
  input_tokens?: number | undefined;
  /** What the model answered. */
  output_tokens?: number | undefined;
  /** How long the model took to read what it was shown, in milliseconds. */
  prompt_ms?: number | undefined;
  /** How much of what it was shown it had read before, in tokens. */
  cached_tokens?: number | undefined;
  /** `max-tokens` or `repetition`, where the answer was ended for that reason. */
  ended?: string | undefined;
}

/** An answer to be streamed. */
export interface AnswerOptions {
  /** Every event repeats it. */
  turnId: string;
  /** Whether to send a {@linkcode TurnEvent} before the end. */
  withDetails?: boolean;
  /** Called when the client left before the end. */
  onCancel: () => void;
}

/** An answer that is being streamed. */
export interface AnswerStream {
  /**
   * Sends the next piece, at once where the client waits for it.
   *
   * @returns where the client is slow, resolves when it has taken what there is
   * @throws {TypeError} when data can't be written as JSON
   */
  write(part: AnswerPart): Promise<void> | undefined;
  /** Sends `response.end`, once. */
  end(): void;
  /** The response, which may be sent before there is a word. */
  readonly response: Response;
}

/** How much may wait for a client, in letters. */
const MAX_WAITING = 16_384;

/**
 * Begins an answer. Its bytes are written without any stream in between: what
 * comes while the client is busy goes with the next piece.
 */
export function createAnswerStream(options: AnswerOptions): AnswerStream {
  const { turnId, withDetails = false, onCancel } = options;
  const end = `,"turn_id":${JSON.stringify(turnId)}}\n\n`;
  const encoder = new TextEncoder();
  let waiting = "";
  let isWanted = false;
  let isOver = false;
  let room: PromiseWithResolvers<void> | undefined;
  let controller: ReadableStreamDefaultController<Uint8Array>;

  function pass(): void {
    if (!isWanted || waiting === "") return;
    isWanted = false;
    const bytes = encoder.encode(waiting);
    waiting = "";
    // Whoever reads may ask for more before this returns.
    controller.enqueue(bytes);
    room?.resolve();
    room = undefined;
    if (isOver) controller.close();
  }

  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    pull() {
      isWanted = true;
      pass();
    },
    // The one sure sign that nobody listens any more: `request.signal` also
    // fires after a perfect answer.
    cancel() {
      isOver = true;
      room?.resolve();
      onCancel();
    },
    // Nothing is encoded before it can be sent.
  }, { highWaterMark: 0 });

  return {
    write(part) {
      if (isOver || (part.type === "summary" && !withDetails)) return undefined;
      waiting += toEvent(part, turnId, end);
      pass();
      if (waiting.length < MAX_WAITING) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    end() {
      if (isOver) return;
      isOver = true;
      waiting += `data: {"type":"response.end"${end}`;
      pass();
    },
    response: new Response(body, { headers: HEADERS }),
  };
}

/** The answer to a page's data, which is plain JSON. `undefined`: nothing to say. */
export function dataReply(content: unknown): Record<string, unknown> {
  return content === undefined
    ? { status: "ok" }
    : { type: "response.data", content };
}

/** Those that the official SDK sends, and one that keeps nginx from buffering. */
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "content-encoding": "none",
  "connection": "keep-alive",
  "x-accel-buffering": "no",
};

/** The space makes `data: {…}`, as every official sender writes it. */
function toEvent(part: AnswerPart, turnId: string, end: string): string {
  switch (part.type) {
    case "speech":
      return `data: {"type":"response.tts","content":${
        JSON.stringify(part.text)
      }${end}`;
    case "data":
      return `data: {"type":"response.data","content":${
        JSON.stringify(part.content)
      }${end}`;
    case "summary": {
      const event = toTurnEvent(part.status, part.details, turnId);
      return `data: ${JSON.stringify(event)}\n\n`;
    }
  }
}

function toTurnEvent(
  status: string,
  details: AnswerDetails,
  turn_id: string,
): TurnEvent {
  return {
    type: "parley.turn",
    turn_id,
    status,
    provider: details.provider,
    model: details.model,
    first_words_ms: details.firstWordsMs,
    total_ms: details.totalMs,
    input_tokens: details.inputTokens,
    output_tokens: details.outputTokens,
    prompt_ms: details.promptMs,
    cached_tokens: details.cachedTokens,
    ended: details.ended,
  };
}
