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
  const progress: [offset: number, isOver: boolean][] = [];
  const troubles: string[] = [];
  const speaker = new Speaker({
    synth: { speak: (utterance) => given.push(utterance), cancel() {} },
    toUtterance: (text) => ({ text }) as SpeechSynthesisUtterance,
    now: () => time,
    onTrouble: (problem) => troubles.push(problem),
  });
  speaker.begin((offset, isOver) => progress.push([offset, isOver]));
  return {
    speaker,
    given,
    progress,
    troubles,
    /** Time passes, and is noticed. */
    async pass(ms: number) {
      time += ms;
      await new Promise((resolve) => setTimeout(resolve, 300));
    },
    tell(n: number, type: "start" | "end") {
      const event = new Event(type) as SpeechSynthesisEvent;
      given[n]?.[`on${type}`]?.(event);
    },
  };
}

Deno.test("Speaker speaks a sentence once it is whole, and the next one after it", () => {
  const { speaker, given, progress, tell } = make();
  speaker.add("One sen");
  assertEquals(given.length, 0);
  speaker.add("tence. Another.");
  assertEquals(given.map(({ text }) => text), ["One sentence."]);
  assertEquals(speaker.saying, "One sentence.");
  speaker.add();
  tell(0, "start");
  tell(0, "end");
  assertEquals(given.map(({ text }) => text), ["One sentence.", "Another."]);
  tell(1, "end");
  assertEquals(progress, [[14, false], [22, false], [22, true]]);
  assertEquals(speaker.saying, "");
});

Deno.test("Speaker guesses how far a silent voice is, and knows it when stopped", async () => {
  const { speaker, progress, tell, pass } = make();
  speaker.add("One sentence of several words.");
  speaker.add();
  tell(0, "start");
  await pass(1_000);
  const [offset = 0] = progress.at(-1) ?? [];
  assertEquals(
    "One sentence of several words.".slice(0, offset),
    "One sentence ",
  );
  assertEquals(speaker.stop(), offset);
});

for (const begins of [true, false]) {
  Deno.test(`Speaker says when a voice ${begins ? "doesn't end" : "doesn't begin"}`, async () => {
    const { speaker, troubles, tell, pass } = make();
    speaker.add("One sentence.");
    speaker.add();
    if (begins) tell(0, "start");
    await pass(5_000);
    assertEquals(troubles, []);
    await pass(60_000);
    assertEquals(troubles.length, 1);
    assertEquals(speaker.saying, "");
  });
}
