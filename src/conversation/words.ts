/**
 * Compares texts by their words. Speech that was recognised comes back spelt
 * differently: in small letters, without punctuation, with numbers in words.
 * Pure.
 *
 * @module
 */

/** The words of a text in a normal spelling, and where each of them ends in it. */
export interface Words {
  /** Each digit of a number is a word, since the number may come back as several words. */
  readonly texts: readonly string[];
  /** For each word, the index just behind its last letter, or its number's last digit. */
  readonly ends: readonly number[];
}

/** A word. In scripts without blanks, each character counts as one. */
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

/** How many words of two texts were matched, and how much of them is the same. */
export interface WordAlignment {
  /** All words of ours, or so many that theirs end. */
  ours: number;
  /** All words of theirs, or so many that ours end. */
  theirs: number;
  /** At most 1; from {@linkcode LEAST_LIKENESS} on, one text is the other. */
  likeness: number;
}

/** From this likeness on, what was heard is what we said, spelt differently. */
export const LEAST_LIKENESS = 0.2;

/** The cost of an additional word, as recognition may split one in two. Any other difference costs 1. */
const ADDED = 0.5;

/**
 * Matches two texts word by word until one of them ends, by the least edit
 * distance.
 *
 * @param ours as it was written: a digit in it may be any word of theirs
 */
export function alignWords(
  ours: readonly string[],
  theirs: readonly string[],
): WordAlignment {
  let best = { ours: 0, theirs: 0, likeness: 0 };
  let least = Infinity;
  function end(i: number, j: number, cost: number): void {
    if (cost > least) return;
    least = cost;
    best = { ours: i, theirs: j, likeness: 1 - cost / Math.min(i, j) };
  }
  if (ours.length === 0 || theirs.length === 0) return best;
  /** The least cost of matching our words so far with theirs up to each word. */
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
  costs.slice(1).forEach((cost, j) => end(ours.length, j + 1, cost));
  return best;
}

/** How many characters of a text are enough to tell it from others. */
const MOST_COMPARED = 200;

function toStart(text: string): readonly string[] {
  return toWords(text.slice(0, MOST_COMPARED)).texts;
}

/** Whether what was heard is an answer of ours, however it is spelt. */
export function isHeard(ours: string, theirs: string): boolean {
  return ours === theirs ||
    alignWords(toStart(ours), toStart(theirs)).likeness >= LEAST_LIKENESS;
}

/** How likely two texts are the same, heard twice or in part. 2: the very same; 1: alike; 0: different. */
export function compare(ours: string, theirs: string): 0 | 1 | 2 {
  if (ours === theirs) return 2;
  const [a, b] = [toStart(ours), toStart(theirs)];
  if (a.join() === b.join()) return 2;
  const least = Math.min(a.length, b.length);
  if (least === 0) return 0;
  const isEnd = a.slice(-least).join() === b.slice(-least).join();
  const isPart = least * 2 < Math.max(a.length, b.length);
  return isEnd || alignWords(a, b).likeness >= (isPart ? 1 : 0.5) ? 1 : 0;
}

/** What is longer was typed: it comes again letter by letter, and to part it into words would hold others up. */
const MOST_SPOKEN = 20_000;

function isSpoken(...texts: string[]): boolean {
  return texts.every(({ length }) => length <= MOST_SPOKEN);
}

/** Whether two texts are the same but for marks and capitals. */
export function isSameWords(one: string, other: string): boolean {
  if (one.trim() === other.trim()) return true;
  return isSpoken(one, other) &&
    toWords(one).texts.join() === toWords(other).texts.join();
}

/** Whether a text is the beginning of another, or the same; its last word may have been misheard. */
export function isBeginning(short: string, long: string): boolean {
  if (!isSpoken(short, long)) return short !== "" && long.startsWith(short);
  const [a, b] = [toWords(short).texts, toWords(long).texts];
  const last = a.length - 1;
  if (last < 0 || last >= b.length) return false;
  if (!a.slice(0, last).every((word, n) => word === b[n])) return false;
  const isSame = b[last]?.startsWith(a[last] ?? "") ?? false;
  return isSame || (last >= 2 && a.length < b.length);
}
