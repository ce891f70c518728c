/**
 * Where an answer ends that doesn't end by itself: at the end of a sentence
 * once it is long enough, or where it only repeats itself.
 *
 * @module
 */
import { findSentenceEnd } from "./sentence.ts";

/** Why an answer was ended early. */
export type AnswerEnding = "max-tokens" | "repetition";

/** Watches one answer. */
export interface AnswerLimit {
  /**
   * Takes the next words.
   *
   * @returns where in them the answer is to end, and why; nothing while it may go on
   */
  take(words: string): { at: number; ended: AnswerEnding } | undefined;
}

/**
 * Makes the limit of one answer.
 *
 * @param maxTokens about how long the answer may be, in tokens
 */
export function createAnswerLimit(maxTokens: number): AnswerLimit {
  const isRepetition = createRepetitionCheck();
  let tokens = 0;
  let before = "";

  /** Where in a word the answer is to end. */
  function takeWord(word: string): ReturnType<AnswerLimit["take"]> {
    tokens += tokensOf(word);
    // Known only when the next word begins.
    if (isRepetition(word)) return { at: 0, ended: "repetition" };
    if (tokens > maxTokens) {
      const at = findSentenceEnd(before, word) ?? findWordEnd(word);
      if (at !== undefined) return { at, ended: "max-tokens" };
    }
    before = (before + word).slice(-TAIL);
    return undefined;
  }

  /** Where an answer ends that has no sentences, or not even words. */
  function findWordEnd(word: string): number | undefined {
    if (tokens > maxTokens * WITHOUT_WORD) return word.length;
    const isNew = tokens > maxTokens * WITHOUT_SENTENCE && NEW_WORD.test(word);
    return isNew ? 0 : undefined;
  }

  return {
    take(words) {
      // However many come at once, each is looked at.
      for (const { 0: word, index } of words.matchAll(WORD)) {
        const end = takeWord(word);
        if (end) return { ...end, at: index + end.at };
      }
      return undefined;
    },
  };
}

const NEW_WORD = /^[\s\u{2e80}-\u{10ffff}]/u;

/** A word with the space before it, or one sign of a script that knows no spaces. */
const WORD =
  /\s*(?:[\u{2e80}-\u{10ffff}]|[^\s\u{2e80}-\u{10ffff}]+)[。！？」』”’）]*|\s+/gu;

/** Past the limit by this much, an answer ends without a sentence's end, too. */
const WITHOUT_SENTENCE = 1.25;

/** And by this much without a word's, too. */
const WITHOUT_WORD = 1.5;

/** How much of the words before tells whether a sentence ends. */
const TAIL = 40;

/** About how many tokens words are: four letters of English, one sign of Chinese. */
function tokensOf(words: string): number {
  let quarters = 0;
  for (let n = 0; n < words.length; n++) {
    quarters += words.charCodeAt(n) < FIRST_SIGN ? 1 : 4;
  }
  return quarters / 4;
}

/** From here on, Unicode has scripts in which one sign is a word or a syllable. */
const FIRST_SIGN = 0x2e80;

/** How often the same words come in a row, at least, and how many that must be in all. */
const REPEATS = 4;
const REPEATED_WORDS = 30;

/** The most words that are repeated together. */
const MAX_PERIOD = 64;

/** Makes a function that takes an answer's words and tells whether its last ones are the same few over and over. */
function createRepetitionCheck(): (words: string) => boolean {
  /** Each word as a hash, the newest last. */
  let hashes: number[] = [];
  let hash = 0;

  function endWord(): boolean {
    if (hash === 0) return false;
    hashes.push(hash);
    hash = 0;
    if (hashes.length > 4 * REPEATS * MAX_PERIOD) {
      hashes = hashes.slice(-REPEATS * MAX_PERIOD);
    }
    return isRepeated(hashes);
  }

  return (words) => {
    let found = false;
    for (let n = 0; n < words.length; n++) {
      const code = words.charCodeAt(n);
      if (isPartOfWord(code)) {
        if (code >= FIRST_SIGN) found = endWord() || found;
        // Small and capital letters of ASCII differ in this one bit.
        hash = Math.imul(hash ^ (code | 0x20), 0x01000193) | 1;
      } else found = endWord() || found;
    }
    return found;
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
