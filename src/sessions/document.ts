/**
 * A conversation as one JSON document, for people and programs outside: the
 * `/sessions` API and `deno task sessions`.
 *
 * @module
 */
import type { Session, Turn } from "./session.ts";

/** A conversation. Field names are those of the README. */
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
  provider?: string;
  model?: string;
  first_words_ms?: number;
  total_ms?: number;
  input_tokens?: number;
  output_tokens?: number;
  /** How long the model took to read its prompt, and how much of it it had read before. */
  prompt_ms?: number;
  cached_tokens?: number;
  /** `max-tokens` or `repetition`, where the answer had to be ended for the model. */
  ended?: string;
  tool_calls?: { name: string; arguments: unknown; result?: unknown }[];
};

/** Makes the document of a conversation. */
export function toDocument(session: Session): SessionDocument {
  const { id, turns, memories, notes } = session;
  return {
    id,
    turns: turns.map(toTurnDocument),
    memories: [...memories],
    notes: notes.map(({ name, content, at }) => ({ name, content, at })),
  };
}

function toTurnDocument(turn: Turn): TurnDocument {
  const { details = {}, steps } = turn;
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
  return known({
    turn_id: turn.id,
    at: turn.at,
    user: turn.user,
    assistant: turn.assistant,
    heard: turn.heard,
    status: turn.status ?? "unfinished",
    provider: details.provider,
    model: details.model,
    first_words_ms: details.firstWordsMs,
    total_ms: details.totalMs,
    input_tokens: details.inputTokens,
    output_tokens: details.outputTokens,
    prompt_ms: details.promptMs,
    cached_tokens: details.cachedTokens,
    ended: details.ended,
    tool_calls: calls.length > 0 ? calls : undefined,
  });
}

/** Without the fields of which nothing is known. */
function known(
  fields: { [K in keyof TurnDocument]: TurnDocument[K] | undefined },
): TurnDocument {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as unknown as TurnDocument;
}

/** Results are kept as JSON, unless they were something else. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
