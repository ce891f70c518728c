import { assertEquals } from "@std/assert";
import { Speaker } from "../../../src/web/playground/speaker.js";

/** A speaker whose voice a test controls, and what it reported. */
function make(lang = "en") {
  const given: SpeechSynthesisUtterance[] = [];
  const progress: number[] = [];
  const troubles: string[] = [];
  const speaker = new Speaker({
    synth: { speak: (utterance) => given.push(utterance), cancel() {} },
    toUtterance: (text) => ({ text }) as SpeechSynthesisUtterance,
    voice: { lang } as SpeechSynthesisVoice,
    onProgress: () => progress.push(speaker.offset),
    onTrouble: (problem) => troubles.push(problem),
  });
  function tell(
    n: number,
    type: "start" | "end" | "boundary" | "error",
    fields = {},
  ) {
    const event = Object.assign(new Event(type), fields);
    given[n]?.[`on${type}`]?.(event as SpeechSynthesisErrorEvent);
  }
  const texts = () => given.map(({ text }) => text);
  return { speaker, given, texts, progress, troubles, tell };
}

const TEXT =
  "Good evening! You are in room 3.5, is that right? Yes.\nTomorrow.";

Deno.test("Speaker.add() speaks the same sentences for chunks of any size", () => {
  for (const length of [1, 2, 3, 7, 20, 200]) {
    const { speaker, given, texts, tell } = make();
    const pieces = TEXT.match(new RegExp(`[^]{1,${length}}`, "gu")) ?? [];
    for (const piece of pieces) speaker.add(piece);
    speaker.add();
    assertEquals(texts(), [
      "Good evening!",
      "You are in room 3.5, is that right?",
      "Yes.",
      "Tomorrow.",
    ], `${length}`);
    for (const [n, { text }] of given.entries()) {
      tell(n, "start");
      tell(n, "boundary", { charIndex: text.length, name: "word" });
      const end = TEXT.indexOf(text) + text.length;
      assertEquals(speaker.offset, end, "it knows where each is");
      tell(n, "end");
    }
  }
});

Deno.test("Speaker.add() speaks a sentence as soon as the next one begins", () => {
  const { speaker, texts } = make();
  speaker.add("One. ");
  assertEquals(texts(), []);
  speaker.add("T");
  assertEquals(texts(), ["One."]);
  speaker.add("wo");
  assertEquals(texts(), ["One."]);
  speaker.add();
  assertEquals(texts(), ["One.", "Two"]);
});

Deno.test("Speaker.add() splits sentences of other scripts", () => {
  const { speaker, texts } = make("zh");
  speaker.add("您好。今天好吗?");
  assertEquals(texts(), ["您好。"]);
});

Deno.test("Speaker.add() speaks each sentence once it is complete", () => {
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

Deno.test("Speaker.offset counts words if the voice reports them, else whole sentences", () => {
  const { speaker, progress, tell } = make();
  speaker.add("One sentence. Another one. ");
  speaker.add();
  tell(0, "start");
  tell(0, "boundary", { charIndex: 4, name: "word" });
  assertEquals(progress, [4]);
  tell(0, "end");
  tell(1, "start");
  speaker.stop();
  // Events of a stopped voice no longer count.
  tell(1, "end");
  assertEquals(progress, [4, 14]);
  assertEquals([speaker.offset, speaker.saying], [14, ""]);
});

Deno.test("Speaker reports why a voice failed, unless it was stopped", () => {
  const { speaker, troubles, tell } = make();
  speaker.add("One sentence. Another one. ");
  speaker.add();
  tell(0, "error", { error: "network" });
  assertEquals(troubles, ["The browser's voice failed (network)."]);
  speaker.stop();
  tell(1, "error", { error: "canceled" });
  assertEquals(troubles.length, 1);
});
