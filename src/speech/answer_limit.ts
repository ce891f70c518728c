/**
 * Where an answer ends that doesn't end by itself: at the end of a sentence
 * once it is long enough, or where it only repeats itself.
 *
 * @module
 */

/** Past the limit by this much, an answer ends without a sentence's end, too. */
const WITHOUT_SENTENCE = 1.25;

/** And by this much without a word's, too. */
const WITHOUT_WORD = 1.5;

/** From here on, Unicode has scripts in which one sign is a word or a syllable, and about one token. */
const FIRST_SIGN = 0x2e80;

/** How many letters before tell whether a sentence ends. */
const TAIL = 40;

const NEW_WORD = /[\s\u2e80-\udbff]/;

/**
 * Makes the limit of one answer.
 *
 * @param maxTokens about how long the answer may be, in tokens
 * @returns a function that takes the next words and tells where in them the
 * answer is to end, and why; nothing while it may go on
 */
export function createAnswerLimit(
  maxTokens: number,
): (
  words: string,
) => { at: number; ended: "max-tokens" | "repetition" } | undefined {
  const isRepetition = createRepetitionCheck();
  let tokens = 0;
  /** The last letters. All of them would have to be copied for each new one. */
  let tail = "";

  return function take(words) {
    const text = tail + words;
    for (let at = 0; at < words.length; at++) {
      const code = words.charCodeAt(at);
      // Four letters of English make a token.
      tokens += code < FIRST_SIGN ? 0.25 : 1;
      if (isRepetition(code)) return { at, ended: "repetition" };
      if (tokens <= maxTokens) continue;
      const char = words.charAt(at);
      const end = tail.length + at;
      const before = text.slice(Math.max(end - TAIL, 0), end);
      const isOver = tokens > maxTokens * WITHOUT_WORD ||
        (tokens > maxTokens * WITHOUT_SENTENCE && NEW_WORD.test(char));
      if (isOver || findSentenceEnd(before, char) === 0) {
        return { at, ended: "max-tokens" };
      }
    }
    tail = text.slice(-TAIL);
    return undefined;
  };
}

/** How often the same words come in a row, at least, and how many that must be in all. */
const REPEATS = 4;
const REPEATED_WORDS = 30;

/** The most words that are repeated together. */
const MAX_PERIOD = 64;

/** Makes a function that takes an answer letter by letter and tells whether its last words are the same few over and over. */
function createRepetitionCheck(): (code: number) => boolean {
  /** Each word as a hash, the newest last. */
  const hashes: number[] = [];
  let hash = 0;

  return (code) => {
    const isLetter = isPartOfWord(code);
    const endsWord = hash !== 0 && (!isLetter || code >= FIRST_SIGN);
    if (endsWord) {
      hashes.push(hash);
      hash = 0;
    }
    // Small and capital letters of ASCII differ in this one bit.
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

/** Letters and digits; all that isn't ASCII counts as such. */
function isPartOfWord(code: number): boolean {
  if (code > 0x7f) return true;
  const small = code | 0x20;
  return (small >= 0x61 && small <= 0x7a) || (code >= 0x30 && code <= 0x39);
}

/**
 * Where in the next words the sentence under way ends, if it does; 0 where it
 * has ended with the words before. Only what follows a dot tells: "3." may
 * become "3.5".
 */
export function findSentenceEnd(
  before: string,
  words: string,
): number | undefined {
  const tail = before.slice(-TAIL);
  for (const { index, 0: mark } of (tail + words).matchAll(SENTENCE_END)) {
    const end = index + mark.length - tail.length;
    if (end >= 0) return end;
  }
  return undefined;
}

/** Not the dot of an initial, nor of "e.g." and "Dr.". */
const SENTENCE_END =
  /(?:(?<!(?<![A-Za-z\u00c0-\u1fff])(?:[A-Za-z\u00c0-\u1fff]|Dr|Mrs?|Ms|Prof|St|Nr|No|vs))\.|[!?…])["'”’)\]]*(?=\s)|[。！？]+[」』”’）]*/gu;
