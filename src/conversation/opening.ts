/**
 * How a turn begins: what is kept first of it, and what is left of it where it
 * only comes again. Pure.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Step, Turn } from "../sessions/session.ts";
import { toNote } from "./prompt.ts";
import type { Additions } from "./question.ts";
import {
  isReworded,
  SILENCE,
  toCorrections,
  type Told,
  toNoteOfSilence,
  toWithdrawal,
} from "./transcript.ts";
import {
  answeredIn,
  type CallContext,
  findInterrupted,
  type Interruption,
} from "./turn.ts";

/** What the caller said, and what the platform tells beside it. */
export interface Said extends Additions, Partial<Omit<Told, "text">> {
  /** Their words, as transcribed. Empty: they said nothing. */
  text: string;
  /** What the caller heard of the turn before, where it was cut off. */
  interruption?: Interruption | undefined;
}

/** What a turn begins with. */
export interface OpeningParts {
  /** Which turn it is. */
  call: CallContext;
  /** What was said. */
  said: Said;
  /** The owner's prompt, which may tell the time. */
  systemPrompt: string;
  /** The time, ISO 8601. */
  at: string;
}

/** How a turn begins. */
export interface Opening {
  /** What was heard before, and what was said now. */
  records: SessionRecord[];
  /** Which time it is that this turn is answered. */
  attempt: number;
  /** The turn as it was answered before, where it only comes again. */
  answered?: Turn;
  /** What is wrong with the word about an interruption, if anything. */
  ignored?: string;
}

/**
 * Begins a turn.
 *
 * @param session the conversation before it
 */
export function toOpening(session: Session, parts: OpeningParts): Opening {
  const { call: { turnId }, said, at } = parts;
  const { text, transcript, interruption } = said;
  const before = session.turn(turnId);
  const told = transcript && { ...said, transcript };
  const isOther = before !== undefined && told !== undefined &&
    isReworded(text, before, session.turns);
  const answered = isOther ? undefined : answeredIn(session, turnId);
  if (answered) return { records: [], attempt: 0, answered };
  const records = told ? toCorrections(session, told, turnId, at) : [];
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
  const note = toRemarks(session, parts, told);
  records.push({ type: "user", turnId, text, ...note ? { note } : {}, at });
  const ignored = "it fits no turn of the agent's";
  return { records, attempt: 0, ...interruption && !cut ? { ignored } : {} };
}

/** What the model is told beside the caller's words, or in place of them. */
function toRemarks(
  session: Session,
  { call, said, systemPrompt, at }: OpeningParts,
  told: Told | undefined,
): string | undefined {
  const note = toNote(session, systemPrompt, call, new Date(at));
  if (said.text.trim() !== "") return note;
  const instead = told ? toNoteOfSilence(session, told) : SILENCE;
  return [note, instead].filter(Boolean).join("\n") || undefined;
}

/**
 * The records that take a turn's calls of tools that have a result over into
 * its next attempt. The model is shown them and goes on from there, so that no
 * tool does its work twice.
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

/** What the model wrote with its calls; its vendor's own form only fits all of them. */
function toWords({ text, written = text.trim(), calls, results, raw }: Step) {
  return {
    ...(written === "" ? {} : { text: written }),
    ...(raw && calls.length === results.length ? { raw } : {}),
  };
}
