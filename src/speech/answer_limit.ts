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

/** The second half of a surrogate pair, before which no text may be cut, has this code or a higher one. */
const FIRST_LOW_SURROGATE = 0xdc00;

/** An answer ends once so many of its last characters only repeat themselves, four times at least. */
const MIN_REPEATED = 160;

/** The most that four repetitions may have, in characters. */
const MAX_REPEATED = 1_300;

/** How many characters before a mark are needed to decide whether it ends a sentence. */
const SENTENCE_TAIL = 40;

/**
 * Creates the limit of one answer.
 *
 * @param maxTokens about how long it may be
 * @returns a function that takes the next words, and returns the index at which
 * the answer should end, and why; `undefined` while it may go on
 */
export function createAnswerLimit(
  maxTokens: number,
): (
  words: string,
) => { at: number; ended: "max-tokens" | "repetition" } | undefined {
  let tokens = 0;
  let wordCount = 0;
  /** The last characters. To keep the whole answer would copy it for each word. */
  let tail = "";

  return function take(words) {
    const text = tail + words;
    for (let at = 0; at < words.length; at++) {
      const code = words.charCodeAt(at);
      const isDense = code >= FIRST_DENSE_CODE;
      const isNewWord = code <= 0x20 || (isDense && code < FIRST_LOW_SURROGATE);
      // Four characters of English are about one token.
      tokens += isDense ? 1 : 0.25;
      const end = tail.length + at;
      if (isNewWord && ++wordCount % 8 === 0) {
        const last = text.slice(Math.max(end - MAX_REPEATED, 0), end);
        if (isRepeating(last)) return { at, ended: "repetition" };
      }
      if (tokens <= maxTokens) continue;
      const char = words.charAt(at);
      const before = text.slice(Math.max(end - SENTENCE_TAIL, 0), end);
      const isOver = tokens > maxTokens * WITHOUT_WORD_FACTOR ||
        (tokens > maxTokens * WITHOUT_SENTENCE_FACTOR && isNewWord);
      if (isOver || findSentenceEnd(before, char) === 0) {
        return { at, ended: "max-tokens" };
      }
    }
    tail = text.slice(-MAX_REPEATED);
    return undefined;
  };
}

function isRepeating(text: string): boolean {
  if (text.length < MIN_REPEATED) return false;
  // Where the last characters came before tells how long the repeated part is.
  const last = text.length - 40;
  const before = text.lastIndexOf(text.slice(last), last - 1);
  if (before < 0) return false;
  const repeated = text.slice(before - last);
  const times = Math.max(4, Math.ceil(MIN_REPEATED / repeated.length));
  return text.endsWith(repeated.repeat(times));
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
  const tail = before.slice(-SENTENCE_TAIL);
  for (const { index, 0: mark } of (tail + words).matchAll(SENTENCE_END)) {
    const end = index + mark.length - tail.length;
    if (end >= 0) return end;
  }
  return undefined;
}

/** Matches the end of a sentence, but not the dot of an initial, of "e.g." or of "Dr.". */
const SENTENCE_END =
  /(?:(?<!(?<![A-Za-z\u00c0-\u1fff])(?:[A-Za-z\u00c0-\u1fff]|Dr|Mrs?|Ms|Prof|St|Nr|No|vs))\.|[!?…])["'”’)\]]*(?=\s)|[。！？]+[」』”’）]*/gu;
