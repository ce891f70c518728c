import { assertEquals } from "@std/assert";
import {
  createSplitter,
  heardAfter,
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

Deno.test("heardAfter() counts whole words only", () => {
  const text = "Breakfast is at seven.";
  assertEquals(heardAfter(text, 0), 0);
  assertEquals(heardAfter(text, 350), 0);
  assertEquals(text.slice(0, heardAfter(text, 570)), "");
  assertEquals(text.slice(0, heardAfter(text, 750)), "Breakfast ");
  assertEquals(text.slice(0, heardAfter(text, 1_000)), "Breakfast is ");
  assertEquals(heardAfter(text, 60_000), text.length);
});

/** A voice that a test speaks for, and what came of it. */
function make() {
  let time = 1_000;
  const given: SpeechSynthesisUtterance[] = [];
  const progress: number[] = [];
  const speaker = new Speaker({
    synth: { speak: (utterance) => given.push(utterance), cancel() {} },
    toUtterance: (text) => ({ text }) as SpeechSynthesisUtterance,
    now: () => time,
    onTrouble() {},
  });
  speaker.begin((offset) => progress.push(offset));
  return {
    speaker,
    given,
    progress,
    pass: (ms: number) => time += ms,
    tell(n: number, type: "start" | "end") {
      const event = new Event(type) as SpeechSynthesisEvent;
      given[n]?.[`on${type}`]?.(event);
    },
  };
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

Deno.test("Speaker guesses how far a silent voice was when it is stopped", () => {
  const { speaker, tell, pass } = make();
  const text = "One sentence of several words.";
  speaker.add(text);
  speaker.add();
  pass(5_000);
  tell(0, "start");
  pass(1_000);
  assertEquals(text.slice(0, speaker.stop()), "One sentence ");
});

Deno.test("Speaker believes a voice that tells its words, and none that was stopped", () => {
  const { speaker, given, progress, tell, pass } = make();
  speaker.add("One sentence of several words.");
  speaker.add();
  tell(0, "start");
  given[0]?.onboundary?.({ charIndex: 4, name: "word" } as never);
  pass(60_000);
  assertEquals(speaker.stop(), 4);
  tell(0, "end");
  assertEquals(progress, [4]);
});
