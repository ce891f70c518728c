/**
 * A conversation as pairs of what the caller said and what the agent answered:
 * from a platform's transcript, from our own record, and how the two match.
 * Pure.
 *
 * @module
 */
import type { Turn } from "../sessions/session.ts";
import type { Utterance } from "./turn.ts";
import {
  alignWords,
  compare,
  isHeard,
  LEAST_LIKENESS,
  toWords,
} from "./words.ts";

/** What matching needs of a stored turn. */
export type KnownTurn = Pick<
  Turn,
  "id" | "user" | "assistant" | "status" | "heard"
>;

/** What the caller said, if anything, and what the agent said until they spoke again. */
export interface Exchange {
  /** The caller's words. */
  text: string;
  /** The agent's words. */
  answer: string;
  /** The turns of our record, if it is from there. */
  turns: KnownTurn[];
}

/** The exchanges of a transcript. */
export function toExchanges(transcript: readonly Utterance[] = []): Exchange[] {
  const all: Exchange[] = [];
  for (const { by, text } of transcript) {
    if (by === "caller") all.push(begin(text));
    else addAnswer(all, text);
  }
  return all;
}

/** The exchanges of our record. A turn in which the caller said nothing belongs to the exchange before it. */
export function toGroups(turns: readonly KnownTurn[]): Exchange[] {
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

/** Whether anything of a turn is left: a withdrawn turn has no words. */
export function isSaid({ user, assistant, status }: KnownTurn): boolean {
  return user !== undefined || assistant !== "" || status === undefined;
}

/** How many exchanges back a transcript is matched with the record. */
const DEPTH = 20;

/**
 * Matches the platform's exchanges with ours, beginning at the end. The best
 * match has the very same words of the caller, after an exchange that matches
 * as well.
 *
 * @returns what to add to an index of theirs to get the index of ours
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
      // If our record begins later than theirs, it lacks a greeting at most.
      const isRow = ownBefore ? rate(before, ownBefore) > 0 : !before?.text;
      if (isRow || !before) rank += 2;
      if (rank === 4) return j - i;
      if (rank > most) [best, most] = [j - i, rank];
    }
  }
  return best;
}

/** How likely two exchanges are the same, as {@linkcode compare} rates their callers' words. */
function rate(one: Exchange | undefined, own: Exchange | undefined): number {
  if (!one || !own) return 0;
  const likely = compare(own.text, one.text);
  // Two exchanges without any words of the caller may be different ones.
  const isSame = own.answer === "" || one.answer === ""
    ? own.text !== ""
    : likely > 0 && isHeard(own.answer, one.answer);
  return isSame ? likely : 0;
}

/** A turn and what was heard of it in our spelling, or what the platform said instead. */
export interface HeardTurn {
  /** The turn. */
  turn: KnownTurn;
  /** The words that were heard. */
  text: string;
}

/**
 * A turn with more words counts as heard: matching takes time to the square of
 * their number, which is at most 100 ms. So many words take a quarter of an hour
 * to be spoken, and come from a platform rather than from our model.
 */
const MOST_FOLLOWED = 2_000;

/** Divides what was heard among the turns in which it was spoken. */
export function toHeard(turns: readonly KnownTurn[], text = ""): HeardTurn[] {
  const [only] = turns;
  if (only && turns.length === 1 && only.assistant.trim() === text) {
    return [{ turn: only, text: only.assistant }];
  }
  const { texts, ends } = toWords(text);
  /** How many words of it belong to the turns so far. */
  let used = 0;
  return turns.map((turn, n) => {
    const own = toWords(turn.assistant);
    if (own.texts.length > MOST_FOLLOWED) {
      used += own.texts.length;
      return { turn, text: turn.assistant };
    }
    // Words beyond that can only be another turn's.
    const rest = texts.slice(used, used + own.texts.length * 1.5 + 10);
    const { ours, theirs, likeness } = alignWords(own.texts, rest);
    if (rest.length > 0 && likeness < LEAST_LIKENESS) {
      // In place of the last turn the platform may have said something of its own.
      const isLast = n === turns.length - 1;
      return { turn, text: isLast ? text.slice(ends[used - 1]).trim() : "" };
    }
    used += theirs;
    return { turn, text: cutAt(turn.assistant, own.ends[ours - 1] ?? 0) };
  });
}

/** Cuts a text at the end of a word, but keeps the punctuation behind it. */
function cutAt(text: string, end: number): string {
  const rest = text.slice(end);
  const [marks = ""] = end > 0 ? /^[^\s\p{L}\p{N}]*/u.exec(rest) ?? [] : [];
  return text.slice(0, end) + marks;
}
