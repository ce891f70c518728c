/**
 * How a turn begins: what is kept first of it, and whether it only comes again.
 * Pure.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import { toNote } from "./prompt.ts";
import type { Additions } from "./question.ts";
import { toFinishedCalls } from "./retried_turn.ts";
import {
  isReworded,
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
  const { text, transcript } = said;
  const before = session.turn(turnId);
  const told = transcript && { ...said, transcript };
  const isOther = before !== undefined && told !== undefined &&
    isReworded(text, before, session.turns);
  const answered = isOther ? undefined : answeredIn(session, turnId);
  if (answered) return { records: [], attempt: 0, answered };
  const corrections = told ? toCorrections(session, told, turnId, at) : [];
  if (before) {
    const again = isOther
      ? toOtherWords(session, before, text, at)
      : toSameWords(before, at);
    return { ...again, records: [...corrections, ...again.records] };
  }
  const { records, ignored } = toHeard(session, parts);
  const note = toRemarks(session, parts, told);
  const words = { text, ...(note ? { note } : {}) };
  return {
    records: [
      ...records,
      ...corrections,
      { type: "user", turnId, ...words, at },
    ],
    attempt: 0,
    ...(ignored === undefined ? {} : { ignored }),
  };
}

/** The turn was cut short, and comes again. */
function toSameWords(before: Turn, at: string): Opening {
  const { id: turnId, attempt: last = 0 } = before;
  const attempt = last + 1;
  const finished = toFinishedCalls(before, attempt, at);
  const records: SessionRecord[] = [
    { type: "again", turnId, attempt, at },
    ...finished,
  ];
  return { records, attempt };
}

/** The caller's words were others, and nothing came after them. */
function toOtherWords(
  { turns }: Session,
  before: Turn,
  text: string,
  at: string,
): Opening {
  const { id: turnId, attempt: last = 0 } = before;
  const attempt = last + 1;
  const records: SessionRecord[] = [
    ...toWithdrawal(turns.slice(turns.indexOf(before) + 1), at),
    { type: "again", turnId, attempt, isReworded: true, at },
    { type: "user", turnId, text, at },
    ...toFinishedCalls(before, attempt, at),
  ];
  return { records, attempt };
}

/** What was heard of the turn that the caller interrupted. */
function toHeard(
  session: Session,
  { said: { interruption }, at }: OpeningParts,
): Pick<Opening, "records" | "ignored"> {
  if (interruption === undefined) return { records: [] };
  const turn = findInterrupted(session, interruption);
  if (turn === undefined) {
    return { records: [], ignored: "it fits no turn of the agent's" };
  }
  const { textHeard: text } = interruption;
  return { records: [{ type: "heard", turnId: turn.id, text, at }] };
}

/** What the model is told beside the caller's words, or in place of them. */
function toRemarks(
  session: Session,
  { call, said, systemPrompt, at }: OpeningParts,
  told: Told | undefined,
): string | undefined {
  const note = toNote(session, systemPrompt, call, new Date(at));
  if (said.text !== "" || told === undefined) return note;
  const instead = toNoteOfSilence(session, told);
  return [note, instead].filter(Boolean).join("\n") || undefined;
}
