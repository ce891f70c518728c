/**
 * A conversation as one JSON document, for people and programs outside: the
 * `/sessions` API and `deno task sessions`.
 *
 * @module
 */
import type { Session, Turn } from "./session.ts";

/** A conversation. Field names are those of `docs/stores.md`. */
export interface SessionDocument {
  /** The conversation's id. */
  id: string;
  /** Oldest first. */
  turns: TurnDocument[];
  /** What tools were told to keep in mind. */
  memories: string[];
  /** What the platform told besides: recordings, the end. */
  notes: { name: string; content?: unknown; at: string }[];
}

/** One turn of it; what isn't known is absent. */
export type TurnDocument = {
  turn_id: string;
  /** When it began, ISO 8601. */
  at: string;
  /** Absent where the agent spoke first. */
  user?: string;
  assistant: string;
  /** What the caller heard of it, where that was less. */
  heard?: string;
  /** `complete`, `interrupted`, `failed`; `unfinished` while under way, and for good when the process died in it. */
  status: string;
  /** These eight are the turn's `TurnDetails`. */
  provider?: string;
  model?: string;
  first_words_ms?: number;
  total_ms?: number;
  input_tokens?: number;
  output_tokens?: number;
  prompt_ms?: number;
  cached_tokens?: number;
  /** `max-tokens` or `repetition`, where the answer had to be ended for the model. */
  ended?: string;
  tool_calls?: { name: string; arguments: unknown; result?: unknown }[];
};

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
      const result = results.find(({ callId }) => callId === id);
      return {
        name,
        arguments: given,
        ...(result ? { result: parse(result.text) } : {}),
      };
    })
  );
  return {
    turn_id: id,
    at,
    ...(user === undefined ? {} : { user }),
    assistant,
    ...(heard === undefined ? {} : { heard }),
    status: status ?? "unfinished",
    ...Object.fromEntries(
      Object.entries(details).map((
        [name, value],
      ) => [toSnakeCase(name), value]),
    ),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Results are kept as JSON, unless they were something else. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
