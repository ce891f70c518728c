/**
 * Compares texts by their words: speech that was recognised comes back in other
 * letters than it went out, in small ones, without punctuation, with numbers
 * spelt out. Pure.
 *
 * @module
 */

/** The words of a text in one spelling, and where each of them ends in it. */
export interface Words {
  /** A number is as many words as it has digits, for it may come back in several. */
  readonly texts: readonly string[];
  /** As many, each just behind a word's last letter or a number's last digit. */
  readonly ends: readonly number[];
}

/** Scripts without blanks: each sign counts as a word. */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[[\p{L}\p{N}\p{M}'’]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]]+/gv;

/** Finds the words of a text. */
export function toWords(text: string): Words {
  const texts: string[] = [];
  const ends: number[] = [];
  for (const { 0: found, index } of text.matchAll(WORD)) {
    const word = found.replace(/['’]/g, "").normalize("NFKC").toLowerCase();
    if (word === "") continue;
    for (const part of word.match(/\p{N}/gu) ?? [word]) {
      texts.push(part);
      ends.push(index + found.length);
    }
  }
  return { texts, ends };
}

/** How far one text goes along with another. */
export interface Course {
  /** How many words of ours were gone through; all of them, or all of theirs. */
  ours: number;
  /** How many words of theirs were. */
  theirs: number;
  /** How much of that is the same, up to 1. */
  likeness: number;
}

/** What a word more costs: recognition parts one in two. Any other difference costs 1. */
const ADDED = 0.5;

/**
 * Goes through two texts side by side until one of them ends, so that as little
 * as possible is left out of one or put in other words: the edit distance.
 *
 * @param ours as it was written: a digit in it may be any word of theirs
 */
export function follow(
  ours: readonly string[],
  theirs: readonly string[],
): Course {
  let best = { ours: 0, theirs: 0, likeness: 0 };
  let least = Infinity;
  function end(i: number, j: number, cost: number): void {
    if (cost > least) return;
    least = cost;
    best = { ours: i, theirs: j, likeness: 1 - cost / Math.min(i, j) };
  }
  if (theirs.length === 0) return best;
  /** What it costs to come to each word of theirs with the words of ours so far. */
  const costs = [0, ...theirs.map((_, j) => (j + 1) * ADDED)];
  for (const [i, own] of ours.entries()) {
    const isDigit = /\p{N}/u.test(own);
    const omitted = isDigit ? 0.1 : 1;
    const other = isDigit ? ADDED : 1;
    let before = costs[0] ?? 0;
    let cost = costs[0] = before + omitted;
    for (let j = 0; j < theirs.length; j++) {
      const replaced = before + (theirs[j] === own ? 0 : other);
      before = costs[j + 1] ?? 0;
      cost = Math.min(replaced, before + omitted, cost + ADDED);
      costs[j + 1] = cost;
    }
    end(i + 1, theirs.length, cost);
  }
  if (ours.length > 0) {
    theirs.forEach((_, j) => end(ours.length, j + 1, costs[j + 1] ?? 0));
  }
  return best;
}

/** Whether words are the beginning of others, or the same; the last may have been misheard. */
export function isBeginning(
  short: readonly string[],
  long: readonly string[],
): boolean {
  const last = short.length - 1;
  if (last < 0 || last >= long.length) return false;
  if (!short.slice(0, last).every((word, n) => word === long[n])) return false;
  const isSame = long[last]?.startsWith(short[last] ?? "") ?? false;
  return isSame || (last >= 2 && short.length < long.length);
}

/** Whether words are likely to be the same, heard twice or in part. */
export function isAlike(
  ours: readonly string[],
  theirs: readonly string[],
): boolean {
  const least = Math.min(ours.length, theirs.length);
  const most = Math.max(ours.length, theirs.length);
  if (least === 0) return most === 0;
  const isEnd = ours.slice(-least).join(" ") === theirs.slice(-least).join(" ");
  const needed = least * 2 < most ? 1 : 0.5;
  return isEnd || follow(ours, theirs).likeness >= needed;
}
