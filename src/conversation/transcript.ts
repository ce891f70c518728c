/**
 * Some platforms keep the conversation themselves, and send all of it with each
 * of the caller's sentences: as it was heard, as speech recognition wrote it
 * down, cut to some length, and perhaps twice or in the wrong order. These
 * functions find the turn of ours that such a sentence belongs to, and what the
 * transcript says about the turns before it. Pure.
 *
 * The platform knows best what was heard. What tools returned and what was
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
  type KnownTurn,
  toExchanges,
  toGroups,
  toHeard,
} from "./exchanges.ts";
import type { Said } from "./turn.ts";
import { compare, isBeginning, isSameWords } from "./words.ts";

/**
 * Finds the turn that the caller's words belong to.
 *
 * @param turns the turns so far, oldest first, also those under way
 * @returns `undefined` where they begin a new turn
 */
export function locate(
  turns: readonly KnownTurn[],
  { text, transcript }: Pick<Said, "text" | "transcript">,
): KnownTurn | undefined {
  const groups = toGroups(turns);
  const exchanges = toExchanges(transcript);
  const last = groups.at(-1);
  const offset = align(exchanges, groups);
  if (offset === undefined) {
    // The platform sends no history, or one that isn't stored yet. The first
    // turn, or one under way, may be delivered again; later, a caller may well
    // say the same words again.
    const [turn] = last?.turns ?? [];
    const isFirst = groups.length === 1 && exchanges.length === 0;
    const mayRepeat = last && (isFirst || turn?.status !== "complete");
    return mayRepeat && isRelated(text, last.text) ? turn : undefined;
  }
  const next = groups[exchanges.length + offset];
  if (next !== undefined || text !== "") return next?.turns[0];
  // The caller says nothing. If the agent has answered that already, its words
  // are in the transcript.
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
 * Whether words replace those that their turn has, and aren't just an earlier
 * part of them. For a turn that others have followed, nearly the same words
 * count as the same.
 *
 * @param turns the turn's conversation
 */
export function isReworded(
  text: string,
  turn: KnownTurn,
  turns: readonly KnownTurn[],
): boolean {
  const { user = "" } = turn;
  if (isSameWords(text, "") || isBeginning(text, user)) return false;
  return turns.findLast(isSaid) === turn || compare(user, text) === 0;
}

/** How many exchanges back a transcript may correct what was heard. */
const MOST_CORRECTED = 3;

/** How many exchanges are stored that our record doesn't know. */
const MOST_TAKEN_OVER = 100;

/**
 * The records for what a transcript says about the turns before: what was heard
 * of them, what was said elsewhere, what tools returned.
 *
 * @param session the conversation without the turn's own words
 * @param turnId the turn that the words belong to
 * @param at the time, ISO 8601
 */
export function toCorrections(
  session: Session,
  said: Pick<Said, "transcript" | "results">,
  turnId: string,
  at: string,
): SessionRecord[] {
  const index = session.turns.findIndex(({ id }) => id === turnId);
  const groups = toGroups(
    session.turns.slice(0, index < 0 ? undefined : index),
  );
  const exchanges = toExchanges(said.transcript);
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
  // Records are only appended, so an exchange in the middle can't be added.
  const unknown = index >= 0
    ? []
    : exchanges.slice(Math.max(groups.length - offset, 0))
      .slice(-MOST_TAKEN_OVER);
  return [
    ...heard,
    ...toResults(session, said, at),
    ...unknown.flatMap((exchange, n) =>
      takeOver(exchange, `${turnId}-before-${n + 1}`, at)
    ),
  ];
}

/** The records that withdraw turns, because the caller's words turned out to be others. */
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

/** The note where the caller said nothing: not every model answers if its own words come last. */
const SILENCE = "[The caller says nothing.]";

/** The note for the model where the caller said nothing, if it needs one. */
export function toNoteOfSilence(
  session: Session,
  { transcript, results = [], resumes, prompt }: Said,
): string | undefined {
  if (resumes === undefined) {
    if (prompt) return `[${prompt}]`;
    return transcript?.length === 0
      ? "[The caller has joined the call and waits for you to speak.]"
      : SILENCE;
  }
  const notes = results.flatMap(({ callId, text }) => {
    // The result of a call that we know is shown with it.
    if (!resumes.includes(callId) || findCall(session, callId)) return [];
    return [`[A tool returned: ${JSON.stringify(text)}]`];
  });
  return notes.join("\n") || undefined;
}

/** What the platform's tools returned to calls that have no result yet. */
function toResults(
  session: Session,
  { results = [] }: Pick<Said, "results">,
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

/** The id of the turn that goes on from a call's result. Some vendors give all calls one id, so it names the turn that made the call. */
export function toResumed(session: Session, callId: string): string {
  const { turn } = findCall(session, callId) ?? {};
  return `${turn ? `${turn.id}-` : ""}after-${callId}`;
}

/** Finds the newest call with an id that the platform runs; only a turn's last step can have one. */
function findCall(session: Session, callId: string) {
  const turn = session.turns.findLast(({ steps }) =>
    steps.at(-1)?.handedOn?.includes(callId)
  );
  const step = turn?.steps.at(-1);
  const name = step?.calls.find(({ id }) => id === callId)?.name;
  const isAnswered = step?.results.some((result) => result.callId === callId);
  return turn && { turn, name, isAnswered };
}

/** The records of an exchange that took place elsewhere. */
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
