import { assertEquals } from "@std/assert";
import { findSentenceEnd } from "../../src/speech/sentence.ts";

const CASES: [before: string, words: string, kept: string | undefined][] = [
  ["", "It is warm. But", "It is warm."],
  ["It is", " warm", undefined],
  ["It is warm.", " But", ""],
  ["It is 3.", "5 degrees", undefined],
  ["Ask Dr.", " Who", undefined],
  ["", "Tea, e.g. green", undefined],
  ["", 'He said "no!" and left', 'He said "no!"'],
  ["", "Really? Yes.", "Really?"],
  ["今日は", "暖かい。でも", "暖かい。"],
  ["", "", undefined],
];

for (const [before, words, kept] of CASES) {
  Deno.test(`findSentenceEnd() finds ${JSON.stringify(kept)} in "${before}|${words}"`, () => {
    const end = findSentenceEnd(before, words);
    assertEquals(end === undefined ? undefined : words.slice(0, end), kept);
  });
}
