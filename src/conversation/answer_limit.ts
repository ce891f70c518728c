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

/** How often the same words come in a row, at least, and how many that must be in all. */
const REPEATS = 4;
const REPEATED_WORDS = 30;

/** So many words in a row are taken for the same as when they came before. */
const SAME_WORDS = 3;

/**
 * Makes a function that tells, word by word, whether the last words are the
 * same few over and over: whether the last three words came before, as far back
 * as the three before them did, and so on, for several times that distance.
 */
function createRepetitionCheck(): (words: string) => boolean {
  /** Where the words before came last, by a hash of three in a row. */
  const places = new Map<number, number>();
  const last = [0, 0, 0];
  let count = 0;
  let distance = 0;
  let repeated = 0;
  let word = 0;

  /** Takes a whole word, as a hash. */
  function end(): boolean {
    if (word === 0) return false;
    last[count++ % SAME_WORDS] = word;
    word = 0;
    let three = 0;
    for (let n = 0; n < SAME_WORDS; n++) {
      const hash = last[(count + n) % SAME_WORDS] ?? 0;
      three = Math.imul(three ^ hash, 0x01000193) + 1 | 0;
    }
    const back = count - (places.get(three) ?? count);
    places.set(three, count);
    if (back === distance) repeated++;
    else {
      distance = back;
      repeated = 1;
    }
    const isOften = repeated >= distance * (REPEATS - 1);
    return distance > 0 && isOften && repeated + distance >= REPEATED_WORDS;
  }

  return (words) => {
    let found = false;
    for (let n = 0; n < words.length; n++) {
      const code = words.charCodeAt(n);
      if (isPartOfWord(code)) {
        if (code >= FIRST_SIGN) found = end() || found;
        // Small and capital letters of ASCII differ in this one bit.
        word = Math.imul(word ^ (code | 0x20), 0x01000193) | 1;
      } else found = end() || found;
    }
    return found;
  };
}

/** Letters and digits; all that isn't ASCII counts as such. */
function isPartOfWord(code: number): boolean {
  if (code > 0x7f) return true;
  const small = code | 0x20;
  return (small >= 0x61 && small <= 0x7a) || (code >= 0x30 && code <= 0x39);
}
