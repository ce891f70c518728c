/**
 * Compares texts by their words. Speech that was recognised comes back spelt
 * differently: in small letters, without punctuation, with numbers in words.
 * Pure.
 *
 * @module
 */

/** A word, or a number such as 9:30. In scripts without blanks, each character counts as one. */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|[\p{L}\p{N}](?:[[\p{L}\p{N}\p{M}'’]--[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]]|[.,:](?=\p{N}))*/gv;

/** What is longer was typed: it comes again letter by letter, and to part it into words would hold others up. */
export const MOST_SPOKEN = 20_000;

/** The words of a text in a normal spelling. A text that was typed is one word. */
export function toWords(text: string): string[] {
  if (text.length > MOST_SPOKEN) return [text];
  return (text.match(WORD) ?? []).map((word) =>
    word.normalize("NFKC").toLowerCase().replace(/['’]/g, "")
  );
}

/** The beginning of a text, up to a number of words and the marks behind them. */
export function toBeginning(text: string, count: number): string {
  const next = count > 0 ? [...text.matchAll(WORD)][count]?.index : 0;
  return text.slice(0, next).trimEnd();
}

/** How many characters of a text are enough to tell it from others. */
const MOST_COMPARED = 200;

/** The share of words that two texts have in common, from 0 to 1. */
export function toLikeness(one: string, other: string): number {
  if (one === other) return 1;
  const a = toWords(one.slice(0, MOST_COMPARED));
  const b = toWords(other.slice(0, MOST_COMPARED));
  const common = a.filter((word) => b.includes(word)).length;
  return common / Math.max(a.length, b.length, 1);
}

/** Whether two texts are the same but for marks and capitals. */
export function isSameWords(one: string, other: string): boolean {
  return toWords(one).join() === toWords(other).join();
}

/** Whether a text is the beginning of another, or the same; its last word may have been misheard. */
export function isBeginning(short: string, long: string): boolean {
  const [a, b] = [toWords(short), toWords(long)];
  const last = a.pop();
  const next = b[a.length];
  if (last === undefined || next === undefined) return last === next;
  const isMisheard = a.length >= 2 && a.length + 1 < b.length;
  return (isMisheard || next.startsWith(last)) &&
    a.every((word, n) => word === b[n]);
}

/** How many words further on in ours the next word of theirs may be. */
const MOST_MISSING = 5;

/**
 * Follows what was heard through the words of an answer of ours.
 *
 * @returns how many words of ours were heard, and of theirs belong to them; 0 if
 * they are other words
 */
export function follow(
  ours: readonly string[],
  theirs: readonly string[],
): { ours: number; theirs: number } {
  let known = 0;
  let end = 0;
  let used = 0;
  for (const [n, word] of theirs.entries()) {
    const found = ours.slice(end, end + MOST_MISSING).indexOf(word) + 1;
    if (found === 0) continue;
    known++;
    end += found;
    used = n + 1;
  }
  // A number may have been heard as any words, and the last word as another.
  const isOpen = () =>
    /\p{N}/u.test(ours[end] ?? "") || end === ours.length - 1;
  for (; used < theirs.length && isOpen(); used++) end++;
  return known * 3 < Math.min(ours.length, theirs.length)
    ? { ours: 0, theirs: 0 }
    : { ours: end, theirs: used };
}
