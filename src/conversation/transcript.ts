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
import { follow, isAlike, isBeginning, toWords, type Words } from "./_words.ts";

/** Something that was said and heard. */
export interface Utterance {
  /** Who said it. */
  by: "caller" | "agent";
  /** What was heard of it. */
  text: string;
}

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
}

/** What of a turn is looked at. */
export type Known = Pick<
  Turn,
  "id" | "user" | "assistant" | "status" | "heard"
>;

/** How far back is looked for where a transcript meets the record, in exchanges. */
const DEPTH = 20;

/** How many exchanges back a transcript may correct what was heard. */
const MOST_CORRECTED = 3;

/** How many exchanges are taken over that the record doesn't know. */
const MOST_TAKEN_OVER = 100;

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
    const isSame = mayRepeat && isRelated(toWords(told.text), last.user);
    return isSame ? turn : undefined;
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

function isRelated(words: Words, others: Words): boolean {
  return isBeginning(words, others) || isBeginning(others, words) ||
    (words.texts.length === 0 && others.texts.length === 0);
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
  const [now, before] = [toWords(text), toWords(turn.user ?? "")];
  if (now.texts.length === 0 || isBeginning(now, before)) return false;
  return turns.findLast(isSaid) === turn || !isAlike(before, now);
}

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
  const before = session.turns.slice(0, index < 0 ? undefined : index);
  const groups = toGroups(before);
  const exchanges = toExchanges(told.transcript);
  const offset = align(exchanges, groups) ?? groups.length;
  const records = exchanges.slice(-MOST_CORRECTED).flatMap((exchange) => {
    const group = groups[exchanges.indexOf(exchange) + offset];
    return toHeard(group?.turns ?? [], exchange.answer)
      .flatMap((heard) => toHeardRecords(heard, at));
  });
  // Records come in order: one that is missing in between stays missing.
  const unknown = index >= 0
    ? []
    : exchanges.slice(Math.max(groups.length - offset, 0))
      .slice(-MOST_TAKEN_OVER);
  return [
    ...records,
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

/** What the caller said, if anything, and what the agent said until they spoke again. */
class Exchange {
  #user: Words | undefined;
  #assistant: Words | undefined;

  /**
   * Keeps the texts; their words are found when they are looked at.
   *
   * @param said what the agent said, in pieces
   * @param turns those of our record, if it is from there
   */
  constructor(
    readonly text: string,
    readonly said: string[],
    readonly turns: Known[] = [],
  ) {}

  get answer(): string {
    return this.said.join(" ").trim();
  }

  get user(): Words {
    return this.#user ??= toWords(this.text);
  }

  get assistant(): Words {
    return this.#assistant ??= toWords(this.answer);
  }
}

/** What the model is told where the caller said nothing, if it has to be told. */
export function toNoteOfSilence(
  session: Session,
  { transcript, results = [], resumes }: Told,
): string | undefined {
  if (resumes === undefined) {
    return transcript.length === 0
      ? "[The caller has joined the call and waits for you to speak.]"
      : "[The caller says nothing.]";
  }
  // A call of ours is shown with its result.
  if (findCall(session, resumes)) return undefined;
  const text = results.findLast(({ callId }) => callId === resumes)?.text ?? "";
  return `[A tool returned: ${JSON.stringify(text.slice(0, MAX_TOLD))}]`;
}

/** How much the model is told of the result of a call that nobody knows, in characters. */
const MAX_TOLD = 2_000;

function toExchanges(transcript: readonly Utterance[]): Exchange[] {
  const all: Exchange[] = [];
  for (const { by, text } of transcript) {
    if (by === "caller") all.push(new Exchange(text, []));
    else if (all.length === 0) all.push(new Exchange("", [text]));
    else all.at(-1)?.said.push(text);
  }
  return all;
}

/** Whether a turn wasn't withdrawn, and nothing of it is left. */
function isSaid({ user, assistant, status }: Known): boolean {
  return user !== undefined || assistant !== "" || status === undefined;
}

/** Turns in which the caller said nothing belong to the one before. */
function toGroups(turns: readonly Known[]): Exchange[] {
  const all: Exchange[] = [];
  for (const turn of turns.filter(isSaid)) {
    const last = turn.user ? undefined : all.at(-1);
    const group = last ?? new Exchange(turn.user ?? "", []);
    group.said.push(turn.heard ?? turn.assistant);
    group.turns.push(turn);
    if (last === undefined) all.push(group);
  }
  return all;
}

/**
 * Finds where the platform's exchanges meet ours, from the end on: best where
 * the caller's words are the very same, and where the exchange before is alike.
 *
 * @returns how much further on an exchange is among ours
 */
function align(
  theirs: readonly Exchange[],
  ours: readonly Exchange[],
): number | undefined {
  const found: { offset: number; rank: number }[] = [];
  for (let i = theirs.length - 1; i >= 0; i--) {
    if (theirs.length - i > DEPTH) break;
    for (let j = ours.length - 1; j >= 0 && ours.length - j <= DEPTH; j--) {
      const [one, own] = [theirs[i], ours[j]];
      if (!one || !own || !isSame(one, own)) continue;
      const [before, ownBefore] = [theirs[i - 1], ours[j - 1]];
      // What a record lacks that begins later is a greeting at most.
      const isRow = !before ||
        (ownBefore ? isSame(before, ownBefore) : before.text === "");
      const isExact = one.text === own.text ||
        one.user.texts.join(" ") === own.user.texts.join(" ");
      const rank = (isRow ? 2 : 0) + (isExact ? 1 : 0);
      if (rank === 3) return j - i;
      found.push({ offset: j - i, rank });
    }
  }
  return found.toSorted((a, b) => b.rank - a.rank)[0]?.offset;
}

function isSame(theirs: Exchange, ours: Exchange): boolean {
  // Most platforms send the very texts, which need no look at each word.
  const isSaid = theirs.text === ours.text || isAlike(ours.user, theirs.user);
  if (!isSaid) return false;
  const [own, heard] = [ours.answer, theirs.answer];
  // Without any words, nothing tells that they are the same.
  if (own === "" || heard === "") return ours.text !== "";
  return own === heard ||
    follow(ours.assistant, theirs.assistant).likeness >= LEAST_LIKENESS;
}

/** From here on, what was heard is what we said, however it is spelt. */
const LEAST_LIKENESS = 0.4;

/** A turn, and what was heard of it in our spelling. */
interface Heard {
  turn: Known;
  text: string;
  isAll: boolean;
}

/** Parts what was heard among the turns in which it was said. */
function toHeard(turns: readonly Known[], text = ""): Heard[] {
  const [only] = turns;
  if (only && turns.length === 1 && only.assistant.trim() === text) {
    return [{ turn: only, text: only.assistant, isAll: true }];
  }
  const { texts, ends } = toWords(text);
  /** How many words of the platform's belong to the turns before. */
  let used = 0;
  return turns.map((turn, n) => {
    const own = toWords(turn.assistant);
    const rest = { texts: texts.slice(used), ends };
    const { ours, theirs, likeness } = follow(own, rest);
    const isUnknown = rest.texts.length > 0 && likeness < LEAST_LIKENESS;
    if (isUnknown && n === turns.length - 1) {
      // The platform has said something of its own.
      const said = text.slice(ends[used - 1] ?? 0).trim();
      return { turn, text: said, isAll: false };
    }
    if (isUnknown) return { turn, text: "", isAll: own.texts.length === 0 };
    used += theirs;
    const isAll = ours === own.texts.length;
    const heard = isAll ? turn.assistant : cutAt(turn.assistant, own, ours);
    return { turn, text: heard, isAll };
  });
}

/** A text up to a word, with the marks behind it. */
function cutAt(text: string, { ends }: Words, count: number): string {
  if (count === 0) return "";
  const end = ends[count - 1] ?? text.length;
  const [marks = ""] = /^[^\s\p{L}\p{N}]*/u.exec(text.slice(end)) ?? [];
  return text.slice(0, end) + marks;
}

function toHeardRecords(
  { turn, text, isAll }: Heard,
  at: string,
): SessionRecord[] {
  const known = turn.heard ?? turn.assistant;
  if (known.trim() === text.trim() || (isAll && turn.heard === undefined)) {
    return [];
  }
  return [{ type: "heard", turnId: turn.id, text, at }];
}

/** What the platform's tools returned to calls that have no result yet. */
function toResults(
  session: Session,
  { results = [] }: Told,
  at: string,
): SessionRecord[] {
  return results.flatMap(({ callId, text }): SessionRecord[] => {
    const { turn, call, isAnswered } = findCall(session, callId) ?? {};
    if (turn === undefined || call === undefined || isAnswered) return [];
    const { id: turnId, attempt } = turn;
    const ofTurn = { turnId, ...(attempt ? { attempt } : {}), at };
    return [{ type: "result", callId, name: call.name, text, ...ofTurn }];
  });
}

/** A call that the platform runs. A turn ends with its last step, if that has one. */
function findCall(session: Session, callId: string) {
  const turn = session.turns.findLast(({ steps }) =>
    steps.at(-1)?.handedOn?.includes(callId)
  );
  const step = turn?.steps.at(-1);
  const call = step?.calls.find(({ id }) => id === callId);
  const isAnswered = step?.results.some((result) => result.callId === callId);
  return turn && call && { turn, call, isAnswered };
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
