/**
 * A conversation as pairs of what the caller said and what the agent answered,
 * as a platform tells it and as our record has it, and where the two meet. Pure.
 *
 * @module
 */
import type { Turn } from "../sessions/session.ts";
import { follow, isAlike, toWords, type Words } from "./words.ts";

/** Something that was said and heard. */
export interface Utterance {
  /** Who said it. */
  by: "caller" | "agent";
  /** What was heard of it. */
  text: string;
}

/** What of a turn is looked at. */
export type Known = Pick<
  Turn,
  "id" | "user" | "assistant" | "status" | "heard"
>;

/** How far back is looked for where a transcript meets the record, in exchanges. */
const DEPTH = 20;

/** How much of a text tells it from others, in letters. */
const MOST_COMPARED = 2_000;

/** What the caller said, if anything, and what the agent said until they spoke again. */
export class Exchange {
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

  /** What the agent said, as one text. */
  get answer(): string {
    return this.said.join(" ").trim();
  }

  /** The words of the caller. */
  get user(): Words {
    return this.#user ??= toWords(this.text.slice(0, MOST_COMPARED));
  }

  /** The words of the agent. */
  get assistant(): Words {
    return this.#assistant ??= toWords(this.answer.slice(0, MOST_COMPARED));
  }
}

/** The exchanges of a transcript. */
export function toExchanges(transcript: readonly Utterance[]): Exchange[] {
  const all: Exchange[] = [];
  for (const { by, text } of transcript) {
    if (by === "caller") all.push(new Exchange(text, []));
    else if (all.length === 0) all.push(new Exchange("", [text]));
    else all.at(-1)?.said.push(text);
  }
  return all;
}

/** Whether a turn wasn't withdrawn, and nothing of it is left. */
export function isSaid({ user, assistant, status }: Known): boolean {
  return user !== undefined || assistant !== "" || status === undefined;
}

/** Turns in which the caller said nothing belong to the one before. */
export function toGroups(turns: readonly Known[]): Exchange[] {
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
export function align(
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
export interface Heard {
  /** The turn. */
  turn: Known;
  /** What was heard, or what was said in its place. */
  text: string;
  /** Whether that is all of it. */
  isAll: boolean;
}

/** Parts what was heard among the turns in which it was said. */
export function toHeard(turns: readonly Known[], text = ""): Heard[] {
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
