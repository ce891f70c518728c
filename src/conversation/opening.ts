/**
 * How a turn begins: which records are stored first, and what is reused of an
 * earlier attempt where the turn was delivered again. Pure.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import { toNote } from "./prompt.ts";
import { findCaller, isReworded, toCorrections } from "./transcript.ts";
import { answeredIn, type Interruption, type Said } from "./turn.ts";
import { isBeginning, isSameWords } from "./words.ts";

/** How a turn begins. */
export type Opening = {
  /** What is stored before the model is asked. */
  records: SessionRecord[];
  /** How many attempts at this turn there were before. */
  attempt: number;
  /** The turn as it was answered, if this is a repeated delivery. */
  answered?: Turn;
  /** Why the platform's word about an interruption was ignored, if it was. */
  ignored?: string;
};

/** Begins a turn in the conversation before it. */
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
    const ofAttempt = { turnId, attempt, keepsCalls: true, at };
    const other = isOther ? { isReworded: true } : {};
    records.push({ type: "again", ...other, ...ofAttempt });
    if (isOther) records.push({ type: "user", turnId, text, at });
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

/**
 * Finds the turn that an interruption is about, in the conversation before. An
 * unknown id, which may be the platform's own, means the turn just before if the
 * words fit.
 */
export function findInterrupted(
  session: Session,
  { turnId, textHeard }: Interruption,
): Turn | undefined {
  const named = turnId === undefined ? undefined : session.turn(turnId);
  if (named) return named;
  // If nothing was heard, it may be a turn that had no word yet.
  const before = textHeard === ""
    ? session.turns.at(-1)
    : session.turns.findLast(({ assistant }) => assistant !== "");
  if (before === undefined || turnId === undefined) return before;
  const fits = isSameWords(textHeard, "") ||
    isBeginning(textHeard, before.assistant);
  return fits ? before : undefined;
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

/** The note where the caller said nothing: not every model answers if its own words come last. */
function toNoteOfSilence(
  session: Session,
  { transcript, results = [], resumes, prompt }: Said,
): string | undefined {
  if (resumes === undefined) {
    if (prompt) return `[${prompt}]`;
    return transcript?.length === 0
      ? "[The caller has joined the call and waits for you to speak.]"
      : "[The caller says nothing.]";
  }
  const notes = results.flatMap(({ callId, text, call }) => {
    // The result of a call that we know is shown with it.
    if (!resumes.includes(callId) || findCaller(session, callId)) return [];
    const what = call ? `The call ${JSON.stringify(call)}` : "A tool";
    return [`[${what} returned: ${JSON.stringify(text)}]`];
  });
  return notes.join("\n") || undefined;
}

/** The records that withdraw turns, because the caller's words turned out to be others. */
function toWithdrawal(
  turns: readonly Turn[],
  at: string,
): SessionRecord[] {
  return turns.flatMap(({ id: turnId, attempt: before = 0 }) => {
    const attempt = before + 1;
    return [
      { type: "again", turnId, attempt, isReworded: true, at },
      { type: "end", turnId, attempt, status: "complete", at },
    ];
  });
}
