/**
 * How a turn begins: which records are stored first, and what is reused of an
 * earlier attempt where the turn was delivered again. Pure.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Step, Turn } from "../sessions/session.ts";
import { toNote } from "./prompt.ts";
import {
  isReworded,
  toCorrections,
  toNoteOfSilence,
  toWithdrawal,
} from "./transcript.ts";
import { answeredIn, findInterrupted, type Said } from "./turn.ts";

/** How a turn begins. */
export interface Opening {
  /** What is stored before the model is asked. */
  records: SessionRecord[];
  /** How many attempts at this turn there were before. */
  attempt: number;
  /** The turn as it was answered, if this is a repeated delivery. */
  answered?: Turn;
  /** Why the platform's word about an interruption was ignored, if it was. */
  ignored?: string;
}

/**
 * Begins a turn.
 *
 * @param session the conversation before it
 * @param systemPrompt the owner's, which may contain the time
 * @param at the time, ISO 8601
 */
export function toOpening(
  session: Session,
  said: Said,
  systemPrompt: string,
  at: string,
): Opening {
  const { turnId, text, transcript, interruption } = said;
  const before = session.turn(turnId);
  const isOther = before !== undefined && transcript !== undefined &&
    isReworded(text, before, session.turns);
  const answered = isOther ? undefined : answeredIn(session, turnId);
  if (answered) return { records: [], attempt: 0, answered };
  const records = transcript ? toCorrections(session, said, turnId, at) : [];
  if (before) {
    const attempt = (before.attempt ?? 0) + 1;
    const later = session.turns.slice(session.turns.indexOf(before) + 1);
    if (isOther) records.push(...toWithdrawal(later, at));
    const other = isOther ? { isReworded: true } : {};
    records.push({ type: "again", turnId, attempt, ...other, at });
    if (isOther) records.push({ type: "user", turnId, text, at });
    records.push(...toFinishedCalls(before, attempt, at));
    return { records, attempt };
  }
  const cut = interruption && findInterrupted(session, interruption);
  if (cut) {
    const { textHeard } = interruption;
    records.push({ type: "heard", turnId: cut.id, text: textHeard, at });
  }
  const note = toRemarks(session, said, systemPrompt, at);
  records.push({ type: "user", turnId, text, ...note ? { note } : {}, at });
  const ignored = "it fits no turn of the agent's";
  return { records, attempt: 0, ...interruption && !cut ? { ignored } : {} };
}

/** The note that the model gets beside the caller's words, or in place of them. */
function toRemarks(
  session: Session,
  said: Said,
  systemPrompt: string,
  at: string,
): string | undefined {
  const note = toNote(session, systemPrompt, said, new Date(at));
  if (said.text.trim() !== "") return note;
  const instead = toNoteOfSilence(session, said);
  return [note, instead].filter(Boolean).join("\n") || undefined;
}

/**
 * The records that take a turn's finished tool calls over into its next attempt.
 * The model sees them and goes on from there, so that no tool does its work
 * twice.
 *
 * @param turn as the attempt before left it
 * @param at the time, ISO 8601
 */
export function toFinishedCalls(
  turn: Turn,
  attempt: number,
  at: string,
): SessionRecord[] {
  const ofAttempt = { turnId: turn.id, attempt, at };
  return turn.steps.flatMap((step): SessionRecord[] => {
    const { results } = step;
    const calls = step.calls.filter(({ id }) =>
      results.some(({ callId }) => callId === id)
    );
    if (calls.length === 0) return [];
    return [
      { type: "calls", calls, ...toWords(step), ...ofAttempt },
      ...results.map((result): SessionRecord => ({
        type: "result",
        ...result,
        ...ofAttempt,
      })),
    ];
  });
}

/** What the model wrote with its calls. The vendor's own form fits only if all of them are taken over. */
function toWords({ text, written = text.trim(), calls, results, raw }: Step) {
  return {
    ...(written === "" ? {} : { text: written }),
    ...(raw && calls.length === results.length ? { raw } : {}),
  };
}
