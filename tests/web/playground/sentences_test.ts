import { assertEquals } from "@std/assert";
import { createSplitter } from "../../../src/web/playground/sentences.js";

/** What a text becomes when it comes in pieces of a length. */
function splitInPieces(text: string, length: number) {
  const splitter = createSplitter("en");
  const pieces = text.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];
  return [
    ...pieces.flatMap((piece) => splitter.add(piece)),
    ...splitter.flush(),
  ];
}

const TEXT =
  "Good evening! You are in room 3.5, is that right? Yes.\nTomorrow.";
const SENTENCES = [
  "Good evening! ",
  "You are in room 3.5, is that right? ",
  "Yes.\n",
  "Tomorrow.",
];

Deno.test("createSplitter() gives the same sentences however the text is cut", () => {
  for (const length of [1, 2, 3, 7, 20, 200]) {
    const sentences = splitInPieces(TEXT, length);
    assertEquals(sentences.map(({ text }) => text), SENTENCES, `${length}`);
    for (const { text, start } of sentences) {
      assertEquals(TEXT.slice(start, start + text.length), text);
    }
  }
});

Deno.test("createSplitter() gives a sentence as soon as the next one begins", () => {
  const splitter = createSplitter("en");
  assertEquals(splitter.add("One. "), []);
  assertEquals(splitter.add("T"), [{ text: "One. ", start: 0 }]);
  assertEquals(splitter.add("wo"), []);
  assertEquals(splitter.flush(), [{ text: "Two", start: 5 }]);
  assertEquals(splitter.flush(), []);
});

Deno.test("createSplitter() knows other scripts", () => {
  const splitter = createSplitter("zh");
  assertEquals(splitter.add("您好。今天好吗?"), [{ text: "您好。", start: 0 }]);
});
