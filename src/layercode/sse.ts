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
  | { type: "data"; content: unknown };

/** An answer under way. */
export interface Answer {
  /** Every event repeats it. */
  turnId: string;
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
  const { turnId } = answer;
  const events = new ReadableStream<ServerSentEventMessage>({
    async pull(controller) {
      let event: ServerSentEventMessage | undefined;
      try {
        const part = await answer.next();
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

function toEvent(part: AnswerPart, turnId: string): Record<string, unknown> {
  return part.type === "speech"
    ? { type: "response.tts", content: part.text, turn_id: turnId }
    : { type: "response.data", content: part.content, turn_id: turnId };
}

/** The space makes `data: {…}`, as every official sender writes it. */
function encode(event: Record<string, unknown>): ServerSentEventMessage {
  return { data: ` ${JSON.stringify(event)}` };
}
