/**
 * Some platforms keep the conversation themselves, and send all of it with each
 * of the caller's sentences: as it was heard, as speech recognition wrote it
 * down, cut to some length, and perhaps twice or in the wrong order. These
 * functions find the turn that a sentence belongs to, and what is to be corrected
 * in those before it. What tools returned or remembered stays as it is. Pure.
 *
 * @module
 */
import type { SessionRecord } from "../sessions/record.ts";
import type { Session, Turn } from "../sessions/session.ts";
import type { Said, Utterance } from "./turn.ts";
import {
  follow,
  isBeginning,
  isSameWords,
  MOST_SPOKEN,
  toBeginning,
  toLikeness,
  toWords,
} from "./words.ts";

/** What matching needs of a stored turn. */
export type KnownTurn = Pick<
  Turn,
  "id" | "user" | "assistant" | "status" | "heard"
>;

/** What the caller said, if anything, and what the agent said until they spoke again. */
interface Exchange {
  text: string;
  answer: string;
  /** The turns of our record, if it is from there. */
  turns: KnownTurn[];
}

/** Parts what was said into exchanges. */
function toExchanges(
  said: readonly (Utterance & { turn?: KnownTurn })[] = [],
): Exchange[] {
  const all: Exchange[] = [];
  for (const { by, text, turn } of said) {
    const isCaller = by === "caller";
    if (isCaller || all.length === 0) {
      all.push({ text: isCaller ? text : "", answer: "", turns: [] });
    }
    const last = all.at(-1);
    if (isCaller || !last) continue;
    // All of a long text is copied where all of it is trimmed.
    const more = text.trim();
    last.answer += (last.answer !== "" && more !== "" ? " " : "") + more;
    if (turn) last.turns.push(turn);
  }
  return all;
}

/** The exchanges of our record. A turn in which the caller said nothing belongs to the exchange before it. */
function toOurs(turns: readonly KnownTurn[]): Exchange[] {
  return toExchanges(
    turns.filter(isSaid).flatMap((turn) => [
      ...turn.user ? [{ by: "caller", text: turn.user } as const] : [],
      { by: "agent", text: turn.heard ?? turn.assistant, turn },
    ]),
  );
}

/** Whether anything of a turn is left: a withdrawn turn has no words. */
function isSaid({ user, assistant, status }: KnownTurn): boolean {
  return user !== undefined || assistant !== "" || status === undefined;
}

/** How many exchanges back a sentence may come again, and how many of theirs may be unknown here. */
const DEPTH = 20;

/** How many exchanges of a transcript tell its place, and may correct what was heard. */
const RECENT = 3;

/** How likely a place has to be, so that no other is tried. */
const SURE = 0.6;

/** Matches the platform's exchanges with ours. Returns what to add to an index of theirs to get the index of ours. */
function align(
  theirs: readonly Exchange[],
  ours: readonly Exchange[],
): number | undefined {
  let best: number | undefined;
  let most = 0;
  const places = [...Array(DEPTH).keys()];
  // Tried last: the newest of theirs are unknown here.
  for (const n of [...places, ...places.map((n) => -1 - n)]) {
    const end = theirs.length + Math.min(n, 0);
    const first = Math.max(end - RECENT, 0);
    const recent = theirs.slice(first, Math.max(end, 0));
    const offset = ours.length - theirs.length - n;
    const sum = recent.reduce((sum, one, i) => {
      const own = ours[first + i + offset];
      return sum + (own ? compare(one, own) : 0);
    }, 0);
    if (sum > most) [best, most] = [offset, sum];
    if (sum > recent.length * SURE) break;
  }
  return best;
}

/** How likely two exchanges are the same; below 0: they aren't. */
function compare(one: Exchange, own: Exchange): number {
  const isAnswered = one.answer !== "" && own.answer !== "";
  // Of ours, no more may have been heard.
  const answer = own.answer.slice(0, one.answer.length);
  const alike = isAnswered ? toLikeness(one.answer, answer) - 0.3 : 0;
  const text = one.text === "" ? 0 : toLikeness(one.text, own.text) - 0.5;
  return text + alike / 2;
}

/** Finds the turn that the caller's words belong to, among those so far and under way; `undefined` if they begin a new one. */
export function locate(
  turns: readonly KnownTurn[],
  { text, transcript }: Pick<Said, "text" | "transcript">,
): KnownTurn | undefined {
  const groups = toOurs(turns);
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
    const isRelated = mayRepeat &&
      (isBeginning(text, last.text) || isBeginning(last.text, text));
    return isRelated ? turn : undefined;
  }
  const next = groups[exchanges.length + offset];
  if (next !== undefined || text !== "") return next?.turns[0];
  // The caller says nothing. If the agent has answered that already, its words
  // are in the transcript.
  const answer = exchanges.at(-1)?.answer ?? "";
  const newest = toHeard(last?.turns ?? [], answer).at(-1);
  const isUnheard = newest?.turn.user === "" && newest.text === "";
  return isUnheard ? newest.turn : undefined;
}

/** Whether words replace those that their turn has: they aren't an earlier part of them, nor, where other turns have followed, nearly the same. */
export function isReworded(
  text: string,
  turn: KnownTurn,
  turns: readonly KnownTurn[],
): boolean {
  const { user = "" } = turn;
  if (isSameWords(text, "") || isBeginning(text, user)) return false;
  return turns.findLast(isSaid) === turn || toLikeness(user, text) < 0.5;
}

/** How many unknown exchanges are stored. */
const MOST_TAKEN_OVER = 100;

/** The records for what a transcript says about the turns before the given one: what was heard of them, what was said elsewhere, what tools returned. */
export function toCorrections(
  session: Session,
  said: Pick<Said, "transcript" | "results">,
  turnId: string,
  at: string,
): SessionRecord[] {
  const index = session.turns.findIndex(({ id }) => id === turnId);
  const groups = toOurs(
    session.turns.slice(0, index < 0 ? undefined : index),
  );
  const exchanges = toExchanges(said.transcript);
  const offset = align(exchanges, groups) ?? groups.length;
  const heard = exchanges.slice(-RECENT).flatMap((exchange) => {
    const own = groups[exchanges.indexOf(exchange) + offset];
    const isKnown = own === undefined || own.answer === exchange.answer;
    return isKnown ? [] : toHeard(own.turns, exchange.answer);
  }).flatMap(({ turn, text }): SessionRecord[] => {
    const isKnown = isSameWords(text, turn.heard ?? turn.assistant);
    return isKnown ? [] : [{ type: "heard", turnId: turn.id, text, at }];
  });
  // Records are only appended, so an exchange in the middle can't be added.
  const unknown = index >= 0
    ? []
    : exchanges.slice(Math.max(groups.length - offset, 0))
      .slice(-MOST_TAKEN_OVER);
  return [
    ...heard,
    ...toResults(session, said, at),
    ...unknown.flatMap(({ text, answer }, n): SessionRecord[] => {
      const ofTurn = { turnId: `${turnId}-before-${n + 1}`, at };
      return [
        ...text ? [{ type: "user", text, ...ofTurn } as const] : [],
        { type: "assistant", text: answer, ...ofTurn },
        { type: "end", status: "complete", ...ofTurn },
      ];
    }),
  ];
}

/** Divides what was heard among the turns in which it was spoken: in our spelling, or what the platform said instead. */
function toHeard(turns: readonly KnownTurn[], text: string) {
  const words = toWords(text);
  let used = 0;
  return turns.map((turn) => {
    const { assistant } = turn;
    if (assistant.length > MOST_SPOKEN) return { turn, text: assistant };
    const { ours, theirs } = follow(toWords(assistant), words.slice(used));
    used += theirs;
    const isOther = ours === 0 && turn === turns.at(-1);
    return isOther
      ? { turn, text: text.slice(toBeginning(text, used).length).trim() }
      : { turn, text: toBeginning(assistant, ours) };
  });
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
    const turn = findCaller(session, callId);
    const step = turn?.steps.at(-1);
    const name = step?.calls.find(({ id }) => id === callId)?.name;
    const isKnown = step?.results.some((result) => result.callId === callId);
    if (turn === undefined || name === undefined || isKnown) return [];
    const { id: turnId, attempt } = turn;
    return [{ type: "result", callId, name, text, turnId, attempt, at }];
  });
}

/** The id of the turn that goes on from a call's result. Some vendors give all calls one id, so it names the turn that made the call. */
export function toResumed(session: Session, callId: string): string {
  const turn = findCaller(session, callId);
  return `${turn ? `${turn.id}-` : ""}after-${callId}`;
}

/** Finds the newest turn that made a call which the platform runs; only its last step can have one. */
export function findCaller(
  { turns }: Session,
  callId: string,
): Turn | undefined {
  return turns.findLast(({ steps }) =>
    steps.at(-1)?.handedOn?.includes(callId)
  );
}
