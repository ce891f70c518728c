/**
 * How much is remembered of a conversation. The model is shown its notes again
 * and again, and a caller can have it write as many as they like.
 *
 * @module
 */
import type { Session } from "../sessions/session.ts";

/** How much of one note is kept, in characters: as much as a model is shown of it. */
const MAX_NOTE = 500;

/** How much all notes of a conversation may have, in characters. */
const MAX_NOTES = 8_000;

/**
 * A note as it is kept.
 *
 * @throws {RangeError} when the conversation has no room for it
 */
export function fitNote(session: Session, note: string): string {
  const text = note.slice(0, MAX_NOTE).toWellFormed();
  const letters = session.memories.reduce((sum, { length }) => sum + length, 0);
  if (letters + text.length <= MAX_NOTES) return text;
  throw new RangeError(
    `Nothing more is remembered: the notes of this conversation have ${letters} of ${MAX_NOTES} characters`,
  );
}
