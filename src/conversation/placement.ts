/**
 * Tells which turn a platform means that sends all that was said, and no id.
 *
 * @module
 */
import type { Session } from "../sessions/session.ts";
import type { Known } from "./exchanges.ts";
import type { Additions } from "./question.ts";
import { isReworded, locate, type Told, toResumed } from "./transcript.ts";
import type { CallContext } from "./turn.ts";

/**
 * The caller said something, or it is the agent's turn all the same, as a
 * platform tells it that keeps the conversation itself and sends all of it.
 */
export interface TranscriptEvent
  extends Omit<CallContext, "turnId">, Told, Additions {
  /** Tells it from the others. */
  type: "transcript";
  /** Where the platform has one. Absent: the words and their place tell which turn it is. */
  turnId?: string;
}

/** A transcript whose turn is known. */
export interface PlacedEvent extends TranscriptEvent {
  /** The turn. */
  turnId: string;
  /** Whether its words are new: they begin a turn, or take the place of those it has. */
  isNew: boolean;
}

/** Tells which turns transcripts are about. */
export interface Placement {
  /**
   * Finds the turn, if the platform doesn't say which one it is.
   *
   * @param session what is kept; turns that were added count as well
   */
  place(event: TranscriptEvent, session: Session): PlacedEvent;
  /** Adds a turn that begins, until it is over. */
  add(event: PlacedEvent, done: Promise<void>): void;
}

/** Makes what knows of the turns that are under way; there are none yet. */
export function createPlacement(): Placement {
  const underWay = new Set<PlacedEvent>();
  return {
    place(event, session) {
      const { conversationId, resumes, text } = event;
      const named = event.turnId ?? (resumes && toResumed(session, resumes));
      if (named) return { ...event, turnId: named, isNew: false };
      const known = new Map<string, Known>(
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
    },
    add(event, done) {
      underWay.add(event);
      done.then(() => underWay.delete(event));
    },
  };
}
