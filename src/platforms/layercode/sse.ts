/**
 * Writes the answer to a turn in Layercode's format: Server-Sent Events of one JSON
 * object each, and `response.end` exactly once, as the last.
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

/** The header by which Parley's own tools request a {@linkcode TurnEvent}. Layercode never sends it. */
export const DETAILS_HEADER = "parley-details";

/** How a turn ended, sent before the end. */
export type TurnEvent =
  & { type: "parley.turn"; turn_id: string; status: string }
  & SnakeCaseDetails;

/** Creates the stream of an answer; `withDetails` adds a {@linkcode TurnEvent}. */
export function createAnswerStream(
  { turnId, withDetails = false }: { turnId: string; withDetails?: boolean },
): Answer & { response: Response } {
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

/** Makes the JSON answer to a page's data. */
export function dataReply(content: unknown): Record<string, unknown> {
  return content === undefined
    ? { status: "ok" }
    : { type: "response.data", content };
}

/** The headers that the official SDK sends, and one that keeps nginx from buffering. */
const HEADERS = { ...EVENT_STREAM_HEADERS, "content-encoding": "none" };

/** Writes an event up to its `turn_id`. It begins with `data: {` as official senders write it. */
function toEvent(part: Exclude<TurnPart, { type: "summary" }>): string {
  return part.type === "speech"
    ? `data: {"type":"response.tts","content":${JSON.stringify(part.text)}`
    : `data: {"type":"response.data","content":${JSON.stringify(part.content)}`;
}
