import { assertEquals } from "@std/assert";
import {
  createSplitter,
  splitSentences,
} from "../../../src/web/playground/sentences.js";

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
  "Good evening! Dr. Smith is in room 3.5, is that right? Yes.\nWell, e.g. tomorrow.";
const SENTENCES = [
  "Good evening! ",
  "Dr. Smith is in room 3.5, is that right? ",
  "Yes.\n",
  "Well, e.g. tomorrow.",
];

Deno.test("splitSentences() leaves abbreviations and numbers alone", () => {
  assertEquals(splitSentences(TEXT, "en"), SENTENCES);
});

Deno.test("splitSentences() knows other scripts", () => {
  assertEquals(splitSentences("您好。今天好吗?", "zh").length, 2);
});

Deno.test("splitSentences() manages without Intl.Segmenter", () => {
  const { Segmenter } = Intl;
  try {
    Object.assign(Intl, { Segmenter: undefined });
    const text = 'She said "Hello." Then she left! And now…';
    assertEquals(splitSentences(text), [
      'She said "Hello." ',
      "Then she left! ",
      "And now…",
    ]);
    assertEquals(splitSentences("no end"), ["no end"]);
    assertEquals(splitSentences(""), []);
  } finally {
    Object.assign(Intl, { Segmenter });
  }
});

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

Deno.test("createSplitter() cuts what is too long for one breath, and loses nothing", () => {
  for (const word of ["word ", "clause, ", "endless"]) {
    const text = word.repeat(100);
    const sentences = splitInPieces(text, 50);
    assertEquals(sentences.map(({ text }) => text).join(""), text);
    for (const { text } of sentences) assertEquals(text.length <= 220, true);
  }
});
