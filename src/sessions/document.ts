/**
 * A conversation as one JSON document, for people and programs outside: the
 * `/sessions` API and `deno task sessions`. What isn't known is absent.
 *
 * @module
 */
import { spell, type SpeltDetails } from "./record.ts";
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
    /** `complete`, `interrupted`, `failed`; `unfinished` while under way, and for good when the process died in it. */
    status: string;
    tool_calls?: { name: string; arguments: unknown; result?: unknown }[];
  }
  & SpeltDetails;

/** Makes the document of a conversation. */
export function toDocument(session: Session): SessionDocument {
  const { id, turns, memories, notes } = session;
  return { id, turns: turns.map(toTurnDocument), memories, notes };
}

/** The recordings that the platform told of. They are not in the store, and aren't deleted with what is. */
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
    ...spell(details),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

/** Results are kept as JSON, unless they were something else. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
