/**
 * Where an answer ends that doesn't end by itself: at the end of a sentence
 * once it is long enough, or where it only repeats itself.
 *
 * @module
 */
import type { TurnEnding } from "../sessions/record.ts";
import { findSentenceEnd } from "./sentence.ts";

/** Watches one answer. */
export interface AnswerLimit {
  /**
   * Takes the next words.
   *
   * @returns where in them the answer is to end, and why; nothing while it may go on
   */
  take(words: string): { at: number; ended: TurnEnding } | undefined;
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

/** How many words may be said again and again, at most. */
const LONGEST_PERIOD = 64;

/** How often, at least, and how many words that must be in all. */
const REPEATS = 4;
const REPEATED_WORDS = 30;

/**
 * Makes a function that tells, word by word, whether the last words are the
 * same few over and over. For each distance, it counts how many words in a row
 * were the same as the word so many words before.
 */
function createRepetitionCheck(): (words: string) => boolean {
  const recent = new Int32Array(LONGEST_PERIOD);
  const same = new Int32Array(LONGEST_PERIOD + 1);
  let count = 0;
  let word = 0;

  /** Takes a whole word, as a hash. */
  function end(): boolean {
    if (word === 0) return false;
    let found = false;
    for (let p = 1; p <= Math.min(count, LONGEST_PERIOD); p++) {
      const run = recent[(count - p) % LONGEST_PERIOD] === word
        ? (same[p] ?? 0) + 1
        : 0;
      same[p] = run;
      found ||= run >= p * (REPEATS - 1) && run + p >= REPEATED_WORDS;
    }
    recent[count++ % LONGEST_PERIOD] = word;
    word = 0;
    return found;
  }

  return (words) => {
    let found = false;
    for (const letter of words.toLowerCase()) {
      const code = letter.codePointAt(0) ?? 0;
      if (!isPartOfWord(code)) found = end() || found;
      else {
        if (code >= FIRST_SIGN) found = end() || found;
        word = Math.imul(word ^ code, 0x01000193) | 1;
      }
    }
    return found;
  };
}

/** Letters and digits; all that isn't ASCII counts as such. */
function isPartOfWord(code: number): boolean {
  return code > 0x7f || (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x30 && code <= 0x39);
}
