/**
 * Compares texts by their words: speech that was recognised comes back in other
 * letters than it went out, in small ones, without punctuation, with numbers
 * spelt out. Pure.
 *
 * @module
 */

/** The words of a text, and where each of them ends in it. */
export interface Words {
  /** In one spelling. */
  readonly texts: readonly string[];
  /** As many, each just behind a word's last letter. */
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
    texts.push(word);
    ends.push(index + found.length);
  }
  return { texts, ends };
}

/** How far one text goes along with another. */
export interface Course {
  /** How many words of ours were gone through; all of them, or all of theirs. */
  ours: number;
  /** How many words of theirs were. */
  theirs: number;
  /** How much of that is the same, from 0 to 1. */
  likeness: number;
}

/** How many words may be left out, or be other ones, before two texts meet again. */
const MOST_SKIPPED = 6;

/**
 * Goes through two texts side by side, and over what is left out of one of
 * them or put in other words, until one of them ends.
 *
 * @param ours as it was written: a number in it may be any word of theirs
 */
export function follow(ours: Words, theirs: Words): Course {
  const [a, b] = [ours.texts, theirs.texts];
  let [i, j, same, numbers] = [0, 0, 0, 0];
  while (i < a.length && j < b.length) {
    const isSame = a[i] === b[j];
    const [skippedA, skippedB] = isSame ? [1, 1] : findMeeting(a, b, i, j);
    if (isSame) same++;
    else numbers += a.slice(i, i + skippedA).filter(isNumber).length;
    i += skippedA;
    j += skippedB;
  }
  const compared = Math.min(i, j) - numbers;
  // Of texts that are all numbers, nothing speaks against it.
  const likeness = compared > 0 ? same / compared : Math.min(i, j, 1);
  return { ours: i, theirs: Math.min(j, b.length), likeness };
}

function isNumber(word: string): boolean {
  return /\p{N}/u.test(word);
}

/** How many words are to be skipped of each, so that both go on with the same; one of ours, where they don't soon. */
function findMeeting(
  a: readonly string[],
  b: readonly string[],
  i: number,
  j: number,
): [number, number] {
  for (let skipped = 1; skipped <= MOST_SKIPPED; skipped++) {
    for (let n = 0; n <= skipped; n++) {
      const word = a[i + n];
      if (word !== undefined && word === b[j + skipped - n]) {
        return [n, skipped - n];
      }
    }
  }
  // A number may be spelt out, sign by sign.
  const word = a[i] ?? "";
  return [1, isNumber(word) ? word.length : 1];
}

/** Whether a text is the beginning of another, or the same; its last word may have been misheard. */
export function isBeginning(short: Words, long: Words): boolean {
  const [a, b] = [short.texts, long.texts];
  if (a.length === 0 || a.length > b.length) return false;
  const last = a.length - 1;
  if (!a.slice(0, last).every((word, n) => word === b[n])) return false;
  const isSame = b[last]?.startsWith(a[last] ?? "") ?? false;
  return isSame || (a.length >= 3 && a.length < b.length);
}

/** Whether two texts are likely to be the same one, heard twice or in part. */
export function isAlike(one: Words, other: Words): boolean {
  const [a, b] = [one.texts, other.texts];
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  const least = Math.min(a.length, b.length);
  const isStart = a.slice(0, least).join(" ") === b.slice(0, least).join(" ");
  const isEnd = a.slice(-least).join(" ") === b.slice(-least).join(" ");
  if (isStart || isEnd) return true;
  const isShort = least * 2 < Math.max(a.length, b.length);
  return !isShort && follow(one, other).likeness >= 0.5;
}
