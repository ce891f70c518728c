/**
 * The answer to a turn, as Layercode reads it: Server-Sent Events, each one
 * `data:` line with one JSON object, and `response.end` exactly once, last.
 *
 * https://docs.layercode.com/api-reference/webhook-sse-api
 *
 * @module
 */
import {
  type ServerSentEventMessage,
  ServerSentEventStream,
} from "@std/http/server-sent-event-stream";

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
}

/** An answer under way. */
export interface Answer {
  /** Every event repeats it. */
  turnId: string;
  /** Whether to send a {@linkcode TurnEvent} before the end. */
  withDetails?: boolean;
  /** The next piece of it. */
  next: () => Promise<IteratorResult<AnswerPart, void>>;
  /** Called when the client left before the end. */
  stop: () => Promise<void>;
  /** Called when `next` fails, which then ends the answer. */
  onError: (error: unknown) => void;
}

/**
 * Streams an answer. The response is there at once and the work happens
 * inside it, so that a client who leaves is noticed at any time.
 */
export function streamAnswer(answer: Answer): Response {
  const { turnId, withDetails = false } = answer;
  const events = new ReadableStream<ServerSentEventMessage>({
    async pull(controller) {
      let event: ServerSentEventMessage | undefined;
      try {
        let part = await answer.next();
        while (!part.done && part.value.type === "summary" && !withDetails) {
          part = await answer.next();
        }
        if (!part.done) event = encode(toEvent(part.value, turnId));
      } catch (error) {
        answer.onError(error);
      }
      controller.enqueue(
        event ?? encode({ type: "response.end", turn_id: turnId }),
      );
      if (event === undefined) controller.close();
    },
    // The one sure sign that nobody listens any more: `request.signal` also
    // fires after a perfect answer.
    cancel: answer.stop,
    // Nothing is taken from the model before it can be sent.
  }, { highWaterMark: 0 });
  return new Response(events.pipeThrough(new ServerSentEventStream()), {
    headers: HEADERS,
  });
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

function toEvent(part: AnswerPart, turn_id: string): object {
  switch (part.type) {
    case "speech":
      return { type: "response.tts", content: part.text, turn_id };
    case "data":
      return { type: "response.data", content: part.content, turn_id };
    case "summary":
      return toTurnEvent(part.status, part.details, turn_id);
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
  };
}

/** The space makes `data: {…}`, as every official sender writes it. */
function encode(event: object): ServerSentEventMessage {
  return { data: ` ${JSON.stringify(event)}` };
}
