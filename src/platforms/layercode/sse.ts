/**
 * The answer to a turn, as Layercode reads it: Server-Sent Events, each one
 * `data:` line with one JSON object, and `response.end` exactly once, last.
 *
 * https://docs.layercode.com/api-reference/webhook-sse-api
 *
 * @module
 */
import type { TurnPart } from "../../conversation/turn.ts";
import {
  createTextStream,
  EVENT_STREAM_HEADERS,
} from "../../server/text_stream.ts";
import { type SnakeCaseDetails, toSnakeCase } from "../../sessions/record.ts";
import type { Answer } from "../platform.ts";

/**
 * The request header by which our own tools ask for one more event, just
 * before the end: `parley.turn`, a {@linkcode TurnEvent}. Layercode never does.
 */
export const DETAILS_HEADER = "parley-details";

/** How a turn went, as our own tools read it. */
export type TurnEvent =
  & { type: "parley.turn"; turn_id: string; status: string }
  & SnakeCaseDetails;

/**
 * Begins an answer.
 *
 * @param turnId every event repeats it
 * @param withDetails whether to send a {@linkcode TurnEvent} before the end
 */
export function createAnswerStream(
  { turnId, withDetails = false }: { turnId: string; withDetails?: boolean },
): Answer {
  const tail = `,"turn_id":${JSON.stringify(turnId)}}\n\n`;
  const { write, end, signal, body } = createTextStream();
  return {
    write(part) {
      if (part.type !== "summary") return write(toEvent(part) + tail);
      if (!withDetails) return undefined;
      const event: TurnEvent = {
        type: "parley.turn",
        turn_id: turnId,
        status: part.status,
        ...toSnakeCase(part.details),
      };
      return write(`data: ${JSON.stringify(event)}\n\n`);
    },
    end() {
      write(`data: {"type":"response.end"${tail}`);
      end();
    },
    signal,
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
const HEADERS = { ...EVENT_STREAM_HEADERS, "content-encoding": "none" };

/** The event but for its end, with `data: {…` as every official sender writes it. */
function toEvent(part: Exclude<TurnPart, { type: "summary" }>): string {
  return part.type === "speech"
    ? `data: {"type":"response.tts","content":${JSON.stringify(part.text)}`
    : `data: {"type":"response.data","content":${JSON.stringify(part.content)}`;
}
