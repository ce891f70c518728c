/**
 * Ends an answer that is too long, at the end of a sentence, or that only repeats
 * itself.
 *
 * @module
 */

/** At this multiple of the limit, an answer ends after any word. */
const WITHOUT_SENTENCE_FACTOR = 1.25;

/** At this multiple of the limit, it ends even within a word. */
const WITHOUT_WORD_FACTOR = 1.5;

/** From this code on, Unicode has scripts in which one character is a word or a syllable, and about one token. */
const FIRST_DENSE_CODE = 0x2e80;

/** How many characters before a mark are needed to decide whether it ends a sentence. */
const TAIL_LENGTH = 40;

const NEW_WORD = /[\s\u2e80-\udbff]/;

/**
 * Creates the limit of one answer.
 *
 * @param maxTokens about how long the answer may be, in tokens
 * @returns a function that takes the next words, and returns the index at which
 * the answer should end, and why; `undefined` while it may go on
 */
export function createAnswerLimit(
  maxTokens: number,
): (
  words: string,
) => { at: number; ended: "max-tokens" | "repetition" } | undefined {
  const isRepetition = createRepetitionCheck();
  let tokens = 0;
  /** The last characters. To keep the whole answer would copy it for each word. */
  let tail = "";

  return function take(words) {
    const text = tail + words;
    for (let at = 0; at < words.length; at++) {
      const code = words.charCodeAt(at);
      // Four characters of English are about one token.
      tokens += code < FIRST_DENSE_CODE ? 0.25 : 1;
      if (isRepetition(code)) return { at, ended: "repetition" };
      if (tokens <= maxTokens) continue;
      const char = words.charAt(at);
      const end = tail.length + at;
      const before = text.slice(Math.max(end - TAIL_LENGTH, 0), end);
      const isOver = tokens > maxTokens * WITHOUT_WORD_FACTOR ||
        (tokens > maxTokens * WITHOUT_SENTENCE_FACTOR && NEW_WORD.test(char));
      if (isOver || findSentenceEnd(before, char) === 0) {
        return { at, ended: "max-tokens" };
      }
    }
    tail = text.slice(-TAIL_LENGTH);
    return undefined;
  };
}

/** An answer is cut if the same words come so often in a row, and are so many in total. */
const REPEATS = 4;
const REPEATED_WORDS = 30;

/** The longest sequence that counts as repeated, in words. */
const MAX_PERIOD = 64;

/** Creates a function that takes an answer by code units, and returns whether its last words only repeat themselves. */
function createRepetitionCheck(): (code: number) => boolean {
  /** The hashes of the words, the newest last. */
  const hashes: number[] = [];
  let hash = 0;

  return (code) => {
    const isLetter = isPartOfWord(code);
    const endsWord = hash !== 0 && (!isLetter || code >= FIRST_DENSE_CODE);
    if (endsWord) {
      hashes.push(hash);
      hash = 0;
    }
    // In ASCII, lower and upper case differ in this bit.
    if (isLetter) hash = Math.imul(hash ^ (code | 0x20), 0x01000193) | 1;
    return endsWord && isRepeated(hashes);
  };
}

function isRepeated(words: readonly number[]): boolean {
  for (let period = 1; period <= MAX_PERIOD; period++) {
    const length = Math.max(REPEATS * period, REPEATED_WORDS);
    if (words.length < length) return false;
    const first = words.length - length + period;
    let n = words.length - 1;
    while (n >= first && words[n] === words[n - period]) n--;
    if (n < first) return true;
  }
  return false;
}

/** Whether it is a letter or a digit. All code units beyond ASCII count as such. */
function isPartOfWord(code: number): boolean {
  if (code > 0x7f) return true;
  const small = code | 0x20;
  return (small >= 0x61 && small <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

/**
 * Finds the index in the next words at which the current sentence ends; 0 if it
 * ended with the words before. What follows a dot is needed to decide: "3." may
 * become "3.5".
 */
export function findSentenceEnd(
  before: string,
  words: string,
): number | undefined {
  const tail = before.slice(-TAIL_LENGTH);
  for (const { index, 0: mark } of (tail + words).matchAll(SENTENCE_END)) {
    const end = index + mark.length - tail.length;
    if (end >= 0) return end;
  }
  return undefined;
}

/** Matches the end of a sentence, but not the dot of an initial, of "e.g." or of "Dr.". */
const SENTENCE_END =
  /(?:(?<!(?<![A-Za-z\u00c0-\u1fff])(?:[A-Za-z\u00c0-\u1fff]|Dr|Mrs?|Ms|Prof|St|Nr|No|vs))\.|[!?…])["'”’)\]]*(?=\s)|[。！？]+[」』”’）]*/gu;
