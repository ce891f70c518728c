/**
 * Tells which turn a platform means that sends all that was said, and no id.
 *
 * @module
 */
import type { Known } from "./exchanges.ts";
import type { Additions } from "./question.ts";
import { isReworded, locate, type Told } from "./transcript.ts";
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
   * Finds the turn, if the platform doesn't say which one it is. What was added
   * before is taken into account, though it may not be kept yet.
   *
   * @param turns those that are kept
   */
  place(event: TranscriptEvent, turns: readonly Known[]): PlacedEvent;
  /**
   * A turn is begun.
   *
   * @param done resolves when it is over
   */
  add(event: PlacedEvent, done: Promise<void>): void;
}

/** Makes what knows of the turns that are under way; there are none yet. */
export function createPlacement(): Placement {
  const underWay = new Map<string, Set<PlacedEvent>>();
  return {
    place(event, turns) {
      const { conversationId, resumes, text } = event;
      const named = event.turnId ?? (resumes && `after-${resumes}`);
      if (named) return { ...event, turnId: named, isNew: false };
      const known = withOthers(turns, underWay.get(conversationId) ?? []);
      const turn = locate(known, event);
      return {
        ...event,
        turnId: turn?.id ?? `turn-${known.length + 1}`,
        isNew: !turn || isReworded(text, turn, known),
      };
    },
    add(event, done) {
      const { conversationId } = event;
      const events = underWay.get(conversationId) ?? new Set();
      underWay.set(conversationId, events.add(event));
      done.then(() => {
        events.delete(event);
        if (events.size === 0) underWay.delete(conversationId);
      });
    },
  };
}

/** The turns as they are about to be. */
function withOthers(
  turns: readonly Known[],
  events: Iterable<PlacedEvent>,
): readonly Known[] {
  const known = new Map(turns.map((turn) => [turn.id, turn]));
  for (const { turnId: id, text: user } of events) {
    known.set(id, { assistant: "", ...known.get(id), id, user });
  }
  return [...known.values()];
}
