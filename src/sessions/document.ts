/**
 * A conversation as one JSON document, for the `/sessions` API and
 * `deno task sessions`. Unknown values are absent.
 *
 * @module
 */
import { type SnakeCaseDetails, toSnakeCase } from "./record.ts";
import type { Session, Turn } from "./session.ts";

/** A conversation. */
export type SessionDocument =
  & Pick<Session, "id" | "memories" | "notes">
  & { turns: TurnDocument[] };

/** One turn of it. */
export type TurnDocument =
  & Pick<Turn, "at" | "assistant">
  & {
    turn_id: string;
    user?: string | undefined;
    heard?: string | undefined;
    /** `complete`, `interrupted`, `failed`, or `unfinished`: under way, or the process died meanwhile. */
    status: string;
    tool_calls?: { name: string; arguments: unknown; result?: unknown }[];
  }
  & SnakeCaseDetails;

/** Makes the document of a conversation. */
export function toDocument(session: Session): SessionDocument {
  const { id, turns, memories, notes } = session;
  return { id, turns: turns.map(toTurnDocument), memories, notes };
}

/** Returns the URLs of the recordings. The platform holds these, so that deleting the conversation does not delete them. */
export function toRecordings({ notes }: Session): string[] {
  const urls = notes.map(({ content }) =>
    content !== null && typeof content === "object" &&
    "recording_url" in content && content.recording_url
  );
  return [...new Set(urls.filter((url) => typeof url === "string"))];
}

function toTurnDocument(turn: Turn): TurnDocument {
  const { id, at, user, assistant, heard, status, details = {}, steps } = turn;
  const calls = steps.flatMap(({ calls, results }) =>
    calls.map(({ id, name, arguments: given }) => {
      const text = results.find(({ callId }) => callId === id)?.text;
      return { name, arguments: given, result: text && parse(text) };
    })
  );
  return {
    ...{ turn_id: id, at, user, assistant, heard },
    status: status ?? "unfinished",
    ...toSnakeCase(details),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
