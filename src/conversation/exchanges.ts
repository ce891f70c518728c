/**
 * A conversation as pairs of what the caller said and what the agent answered,
 * as a platform tells it and as our record has it, and where the two meet. Pure.
 *
 * @module
 */
import type { Turn } from "../sessions/session.ts";
import { compare, follow, isHeard, LEAST_LIKENESS, toWords } from "./words.ts";

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

/** What the caller said, if anything, and what the agent said until they spoke again. */
export interface Exchange {
  /** The caller's words. */
  text: string;
  /** The agent's. */
  answer: string;
  /** The turns of our record, if it is from there. */
  turns: Known[];
}

/** The exchanges of a transcript. */
export function toExchanges(transcript: readonly Utterance[]): Exchange[] {
  const all: Exchange[] = [];
  for (const { by, text } of transcript) {
    if (by === "caller") all.push(begin(text));
    else addAnswer(all, text);
  }
  return all;
}

/** The exchanges of our record: turns in which the caller said nothing belong to the one before. */
export function toGroups(turns: readonly Known[]): Exchange[] {
  const all: Exchange[] = [];
  for (const turn of turns.filter(isSaid)) {
    if (turn.user) all.push(begin(turn.user));
    addAnswer(all, turn.heard ?? turn.assistant).turns.push(turn);
  }
  return all;
}

function begin(text: string): Exchange {
  return { text, answer: "", turns: [] };
}

function addAnswer(all: Exchange[], text: string): Exchange {
  const last = all.at(-1) ?? begin("");
  if (all.length === 0) all.push(last);
  // All of a long text is copied where all of it is trimmed.
  const more = text.trim();
  const apart = last.answer !== "" && more !== "" ? " " : "";
  last.answer += apart + more;
  return last;
}

/** Whether a turn wasn't withdrawn, and nothing of it is left. */
export function isSaid({ user, assistant, status }: Known): boolean {
  return user !== undefined || assistant !== "" || status === undefined;
}

/** How far back is looked for where a transcript meets the record, in exchanges. */
const DEPTH = 20;

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
  let best: number | undefined;
  let most = 0;
  for (let i = theirs.length - 1; i >= 0; i--) {
    if (theirs.length - i > DEPTH) break;
    for (let j = ours.length - 1; j >= 0 && ours.length - j <= DEPTH; j--) {
      let rank = rate(theirs[i], ours[j]);
      if (rank === 0) continue;
      const [before, ownBefore] = [theirs[i - 1], ours[j - 1]];
      // What a record lacks that begins later is a greeting at most.
      const isRow = ownBefore ? rate(before, ownBefore) > 0 : !before?.text;
      if (isRow || !before) rank += 2;
      if (rank === 4) return j - i;
      if (rank > most) [best, most] = [j - i, rank];
    }
  }
  return best;
}

/** How likely it is that two exchanges are the same, as {@linkcode compare} tells it of their callers' words. */
function rate(one: Exchange | undefined, own: Exchange | undefined): number {
  if (!one || !own) return 0;
  const likely = compare(own.text, one.text);
  // Without any words, nothing tells that they are the same.
  const isSame = own.answer === "" || one.answer === ""
    ? own.text !== ""
    : likely > 0 && isHeard(own.answer, one.answer);
  return isSame ? likely : 0;
}

/** A turn, and what was heard of it in our spelling, or what was said in its place. */
export interface Heard {
  /** The turn. */
  turn: Known;
  /** What was heard. */
  text: string;
}

/**
 * A longer turn counts as heard, for to go through it takes a time to the square
 * of its words: at most 100 ms of them. It would be spoken for a quarter of an
 * hour, and is a platform's word rather than an answer of ours.
 */
const MOST_FOLLOWED = 2_000;

/** Parts what was heard among the turns in which it was said. */
export function toHeard(turns: readonly Known[], text = ""): Heard[] {
  const [only] = turns;
  if (only && turns.length === 1 && only.assistant.trim() === text) {
    return [{ turn: only, text: only.assistant }];
  }
  const { texts, ends } = toWords(text);
  /** How many words of the platform's belong to the turns before. */
  let used = 0;
  return turns.map((turn, n) => {
    const own = toWords(turn.assistant);
    if (own.texts.length > MOST_FOLLOWED) {
      used += own.texts.length;
      return { turn, text: turn.assistant };
    }
    // More of it could only be another turn's.
    const rest = texts.slice(used, used + own.texts.length * 1.5 + 10);
    const { ours, theirs, likeness } = follow(own.texts, rest);
    if (rest.length > 0 && likeness < LEAST_LIKENESS) {
      // At the end, the platform has said something of its own.
      const isLast = n === turns.length - 1;
      return { turn, text: isLast ? text.slice(ends[used - 1]).trim() : "" };
    }
    used += theirs;
    return { turn, text: cutAt(turn.assistant, own.ends[ours - 1] ?? 0) };
  });
}

/** A text up to the end of a word, with the marks behind it. */
function cutAt(text: string, end: number): string {
  const rest = text.slice(end);
  const [marks = ""] = end > 0 ? /^[^\s\p{L}\p{N}]*/u.exec(rest) ?? [] : [];
  return text.slice(0, end) + marks;
}
