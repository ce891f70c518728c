/**
 * Finds which turn a request is about when the platform sends the whole
 * conversation, but no id of the turn.
 *
 * @module
 */
import type { Session } from "../sessions/session.ts";
import { isReworded, type KnownTurn, locate, toResumed } from "./transcript.ts";
import type { Said, Utterance } from "./turn.ts";

/**
 * The caller said something, or the agent is to speak all the same, as told by
 * a platform that keeps the conversation itself and sends all of it.
 */
export type TranscriptEvent = Omit<Said, "turnId"> & {
  type: "transcript";
  transcript: readonly Utterance[];
  /** The platform's id, if it has one. Absent: the words and their place tell which turn it is. */
  turnId?: string;
};

/** A transcript whose turn was found. `isNew`: its words begin the turn, or replace those it has. */
export type PlacedEvent = TranscriptEvent & { turnId: string; isNew: boolean };

/** Finds the turn of a transcript among those that are stored, and those under way. */
export function place(
  event: TranscriptEvent,
  session: Session,
  underWay: Iterable<PlacedEvent>,
): PlacedEvent {
  const { conversationId, resumes, text } = event;
  const call = resumes?.at(-1);
  const named = event.turnId ?? (call ? toResumed(session, call) : undefined);
  if (named) return { ...event, turnId: named, isNew: false };
  const known = new Map<string, KnownTurn>(
    session.turns.map((turn) => [turn.id, turn]),
  );
  for (const other of underWay) {
    if (other.conversationId !== conversationId) continue;
    const { turnId: id, text: user } = other;
    known.set(id, { assistant: "", ...known.get(id), id, user });
  }
  const all = [...known.values()];
  const turn = locate(all, event);
  // Some are no longer in memory, and those that were deleted keep nothing.
  let number = all.length + 1;
  const isTaken = (id: string) => known.has(id) || session.turn(id);
  while (isTaken(`turn-${number}`)) number++;
  return {
    ...event,
    turnId: turn?.id ?? `turn-${number}`,
    isNew: !turn || isReworded(text, turn, all),
  };
}
