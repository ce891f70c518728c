import { assertEquals } from "@std/assert";
import {
  IS_SPACED,
  IS_UNSPACED,
  IS_WORD_CHARACTER,
  lastCharacter,
} from "../../src/speech/_characters.ts";

const SOURCES = new URL("../../src/speech/", import.meta.url);
const LANGUAGES = new URL(
  "../fixtures/speech/languages.txt",
  import.meta.url,
);

Deno.test("IS_WORD_CHARACTER, IS_UNSPACED and IS_SPACED agree with Unicode on the languages of the corpus", () => {
  const text = Deno.readTextFileSync(LANGUAGES);
  for (const char of new Set(text)) {
    // Persian uses it within words, like a letter.
    const isWordy = /[\p{L}\p{N}\p{M}\u200c]/u.test(char);
    const isUnspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u
      .test(char);
    const found = [IS_WORD_CHARACTER, IS_UNSPACED, IS_SPACED].map((it) =>
      it.test(char)
    );
    const expected = [isWordy, isUnspaced, isWordy && !isUnspaced];
    assertEquals(found, expected, JSON.stringify(char));
  }
});

Deno.test("lastCharacter() returns a whole surrogate pair", () => {
  assertEquals(["", "a", "ab", "a😀", "😀b"].map(lastCharacter), [
    "",
    "a",
    "b",
    "😀",
    "b",
  ]);
});

// Each takes a millisecond or more to compile, at every start.
Deno.test("speech compiles no expression with Unicode property classes", () => {
  for (const { name } of Deno.readDirSync(SOURCES)) {
    const code = Deno.readTextFileSync(new URL(name, SOURCES))
      .replaceAll(/^\s*\/?\*.*$/gm, "");
    assertEquals(code.match(/\\p\{/g) ?? [], [], name);
  }
});
