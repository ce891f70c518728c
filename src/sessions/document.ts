/**
 * A conversation as one JSON document, for people and programs outside: the
 * `/sessions` API and `deno task sessions`. What isn't known is absent.
 *
 * @module
 */
import { spell, type SpeltDetails } from "./record.ts";
import type { Note, Session, Turn } from "./session.ts";

/** A conversation. */
export interface SessionDocument {
  /** The conversation's id. */
  id: string;
  /** Oldest first. */
  turns: TurnDocument[];
  /** What tools were told to keep in mind. */
  memories: string[];
  /** What the platform told besides: recordings, the end. */
  notes: Note[];
}

/** One turn of it. */
export type TurnDocument =
  & {
    turn_id: string;
    /** When it began, ISO 8601. */
    at: string;
    /** Absent where the agent spoke first. */
    user?: string | undefined;
    assistant: string;
    /** What the caller heard of it, where that was less. */
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
