import { assertEquals } from "@std/assert";
import {
  createSplitter,
  Speaker,
} from "../../../src/web/playground/speaker.js";

/** What a text becomes when it comes in pieces of a length. */
function splitInPieces(text: string, length: number) {
  const split = createSplitter("en");
  const pieces = text.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];
  return [...pieces.flatMap((piece) => split(piece)), ...split()];
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
  const split = createSplitter("en");
  assertEquals(split("One. "), []);
  assertEquals(split("T"), [{ text: "One. ", start: 0 }]);
  assertEquals(split("wo"), []);
  assertEquals(split(), [{ text: "Two", start: 5 }]);
  assertEquals(split(), []);
});

Deno.test("createSplitter() knows other scripts", () => {
  const split = createSplitter("zh");
  assertEquals(split("您好。今天好吗?"), [{ text: "您好。", start: 0 }]);
});

/** A voice that a test speaks for, and what came of it. */
function make() {
  const given: SpeechSynthesisUtterance[] = [];
  const progress: number[] = [];
  const troubles: string[] = [];
  const speaker = new Speaker({
    synth: { speak: (utterance) => given.push(utterance), cancel() {} },
    toUtterance: (text) => ({ text }) as SpeechSynthesisUtterance,
    onTrouble: (problem) => troubles.push(problem),
  });
  speaker.begin((offset) => progress.push(offset));
  function tell(
    n: number,
    type: "start" | "end" | "boundary" | "error",
    fields = {},
  ) {
    const event = Object.assign(new Event(type), fields);
    given[n]?.[`on${type}`]?.(event as SpeechSynthesisErrorEvent);
  }
  return { speaker, given, progress, troubles, tell };
}

Deno.test("Speaker speaks each sentence once it is whole", () => {
  const { speaker, given, progress, tell } = make();
  speaker.add("One sen");
  assertEquals(given.length, 0);
  speaker.add("tence. Another.");
  assertEquals(given.map(({ text }) => text), ["One sentence."]);
  assertEquals(speaker.saying, "");
  tell(0, "start");
  assertEquals(speaker.saying, "One sentence.");
  speaker.add();
  assertEquals(given.map(({ text }) => text), ["One sentence.", "Another."]);
  tell(0, "end");
  tell(1, "start");
  assertEquals(speaker.saying, "One sentence. Another.");
  tell(1, "end");
  assertEquals(progress, [14, 22]);
  assertEquals(speaker.saying, "");
});

Deno.test("Speaker counts words where the voice tells them, else whole sentences", () => {
  const { speaker, progress, tell } = make();
  speaker.add("One sentence. Another one. ");
  speaker.add();
  tell(0, "start");
  tell(0, "boundary", { charIndex: 4, name: "word" });
  assertEquals(progress, [4]);
  tell(0, "end");
  tell(1, "start");
  assertEquals(speaker.stop(), 14);
  // What a voice tells that was stopped is about nothing that is counted.
  tell(1, "end");
  assertEquals(progress, [4, 14]);
});

Deno.test("Speaker says why a voice failed, unless it was stopped", () => {
  const { speaker, troubles, tell } = make();
  speaker.add("One sentence. Another one. ");
  speaker.add();
  tell(0, "error", { error: "network" });
  assertEquals(troubles, ["The browser's voice failed (network)."]);
  speaker.stop();
  tell(1, "error", { error: "canceled" });
  assertEquals(troubles.length, 1);
});
