/**
 * Some platforms keep the conversation themselves, and send all of it with each
 * of the caller's sentences: as it was heard, as speech recognition wrote it
 * down, cut to a length of theirs, and perhaps twice or in the wrong order.
 * Here it is found which turn of ours such a sentence belongs to, and what it
 * says of the turns before. Pure.
 *
 * What was heard is the platform's to say. What tools returned and what was
 * remembered stays as it is in our record.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import {
  align,
  type Exchange,
  isSaid,
  type Known,
  toExchanges,
  toGroups,
  toHeard,
  type Utterance,
} from "./exchanges.ts";
import { compare, isBeginning, isSameWords } from "./words.ts";

/** The conversation as the platform tells it. */
export interface Told {
  /** What the caller said now. Empty: nothing, and the agent is to speak all the same. */
  text: string;
  /** What was said before, oldest first; it need not begin with the call. */
  transcript: readonly Utterance[];
  /** What the platform's tools returned so far. */
  results?: readonly { callId: string; text: string }[];
  /** The call whose result came now: the agent goes on with it. */
  resumes?: string;
  /** What the platform wants of the agent now, where the caller said nothing. */
  prompt?: string;
}

/**
 * Finds the turn that the caller's words belong to.
 *
 * @param turns those that are known, oldest first, also those under way
 * @returns nothing where they begin a new one
 */
export function locate(
  turns: readonly Known[],
  told: Told,
): Known | undefined {
  const groups = toGroups(turns);
  const exchanges = toExchanges(told.transcript);
  const last = groups.at(-1);
  const offset = align(exchanges, groups);
  if (offset === undefined) {
    // The platform sends no past, or one that isn't kept yet. A first turn may
    // come again, and one under way; later, the same words may be meant again.
    const [turn] = last?.turns ?? [];
    const isFirst = groups.length === 1 && exchanges.length === 0;
    const mayRepeat = last && (isFirst || turn?.status !== "complete");
    return mayRepeat && isRelated(told.text, last.text) ? turn : undefined;
  }
  const next = groups[exchanges.length + offset];
  if (next !== undefined || told.text !== "") return next?.turns[0];
  // The caller says nothing. Whether the agent has spoken about that is told
  // by whether its words were heard.
  const heard = toHeard(last?.turns ?? [], exchanges.at(-1)?.answer);
  const newest = heard.length > 1 ? heard.at(-1) : undefined;
  return newest?.turn.user === "" && newest.text === ""
    ? newest.turn
    : undefined;
}

function isRelated(one: string, other: string): boolean {
  return isBeginning(one, other) || isBeginning(other, one) ||
    isSameWords(one, other);
}

/**
 * Whether words take the place of those that their turn has: they aren't just a
 * part of them, heard earlier. What comes late, and is nearly the same, is the
 * same.
 *
 * @param turns the turn's conversation
 */
export function isReworded(
  text: string,
  turn: Known,
  turns: readonly Known[],
): boolean {
  const { user = "" } = turn;
  if (isSameWords(text, "") || isBeginning(text, user)) return false;
  return turns.findLast(isSaid) === turn || compare(user, text) === 0;
}

/** How many exchanges back a transcript may correct what was heard. */
const MOST_CORRECTED = 3;

/** How many exchanges are taken over that the record doesn't know. */
const MOST_TAKEN_OVER = 100;

/**
 * What a transcript says of the turns before: what was heard of them, what was
 * said elsewhere, what tools returned.
 *
 * @param session the conversation without the turn's own words
 * @param turnId the turn that the words belong to
 * @param at the time, ISO 8601
 */
export function toCorrections(
  session: Session,
  told: Told,
  turnId: string,
  at: string,
): SessionRecord[] {
  const index = session.turns.findIndex(({ id }) => id === turnId);
  const groups = toGroups(
    session.turns.slice(0, index < 0 ? undefined : index),
  );
  const exchanges = toExchanges(told.transcript);
  const offset = align(exchanges, groups) ?? groups.length;
  const heard = exchanges.slice(-MOST_CORRECTED).flatMap((exchange) => {
    const group = groups[exchanges.indexOf(exchange) + offset];
    return toHeard(group?.turns ?? [], exchange.answer);
  }).filter(({ turn, text }) =>
    !isSameWords(text, turn.heard ?? turn.assistant)
  ).map(({ turn, text }): SessionRecord => ({
    type: "heard",
    turnId: turn.id,
    text,
    at,
  }));
  // Records come in order: one that is missing in between stays missing.
  const unknown = index >= 0
    ? []
    : exchanges.slice(Math.max(groups.length - offset, 0))
      .slice(-MOST_TAKEN_OVER);
  return [
    ...heard,
    ...toResults(session, told, at),
    ...unknown.flatMap((exchange, n) =>
      takeOver(exchange, `${turnId}-before-${n + 1}`, at)
    ),
  ];
}

/** The records by which a turn, and what came after it, never was: the caller's words were others. */
export function toWithdrawal(
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

/** What the model is told where the caller said nothing, if it has to be told. */
export function toNoteOfSilence(
  session: Session,
  { transcript, results = [], resumes, prompt }: Told,
): string | undefined {
  if (resumes === undefined) {
    if (prompt) return `[${prompt}]`;
    return transcript.length === 0
      ? "[The caller has joined the call and waits for you to speak.]"
      : "[The caller says nothing.]";
  }
  // A call of ours is shown with its result.
  if (findCall(session, resumes)) return undefined;
  const text = results.findLast(({ callId }) => callId === resumes)?.text ?? "";
  return `[A tool returned: ${JSON.stringify(text)}]`;
}

/** What the platform's tools returned to calls that have no result yet. */
function toResults(
  session: Session,
  { results = [] }: Told,
  at: string,
): SessionRecord[] {
  // Of one id, the last is of the newest call.
  const newest = new Map(results.map((result) => [result.callId, result]));
  return [...newest.values()].flatMap(({ callId, text }): SessionRecord[] => {
    const { turn, name, isAnswered } = findCall(session, callId) ?? {};
    if (turn === undefined || name === undefined || isAnswered) return [];
    const { id: turnId, attempt } = turn;
    return [{ type: "result", callId, name, text, turnId, attempt, at }];
  });
}

/** The id of the turn that goes on from a call's result. Some vendors give all calls one id: it is told by the turn that made the call. */
export function toResumed(session: Session, callId: string): string {
  const { turn } = findCall(session, callId) ?? {};
  return `${turn ? `${turn.id}-` : ""}after-${callId}`;
}

/** A call that the platform runs, the newest with this id. A turn ends with its last step, if that has one. */
function findCall(session: Session, callId: string) {
  const turn = session.turns.findLast(({ steps }) =>
    steps.at(-1)?.handedOn?.includes(callId)
  );
  const step = turn?.steps.at(-1);
  const name = step?.calls.find(({ id }) => id === callId)?.name;
  const isAnswered = step?.results.some((result) => result.callId === callId);
  return turn && { turn, name, isAnswered };
}

/** Keeps an exchange that took place elsewhere. */
function takeOver(
  { text: user, answer: assistant }: Exchange,
  turnId: string,
  at: string,
): SessionRecord[] {
  const said: SessionRecord[] = [];
  if (user !== "") said.push({ type: "user", turnId, text: user, at });
  if (assistant !== "") {
    said.push({ type: "assistant", turnId, text: assistant, at });
  }
  return [...said, { type: "end", turnId, status: "complete", at }];
}
