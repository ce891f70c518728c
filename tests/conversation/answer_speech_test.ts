import { assert, assertEquals } from "@std/assert";
import { AnswerSpeech } from "../../src/conversation/answer_speech.ts";
import { agent } from "../fakes/agent.ts";

/** The speech of one turn; what is kept and what is handed on, as it comes. */
function makeSpeech() {
  const kept: string[] = [];
  const parts: { text: string; at: number }[] = [];
  const speech = new AnswerSpeech({
    agent: { ...agent, fillerAfterMs: 0 },
    stop: new AbortController(),
    keep: (text) => kept.push(text),
    write(part) {
      assert(part.type === "speech");
      assertEquals(kept.join("").endsWith(part.text), true, "kept before");
      parts.push({ text: part.text, at: performance.now() });
      return undefined;
    },
  });
  const said = () => parts.map(({ text }) => text);
  return {
    speech,
    parts,
    said,
    [Symbol.dispose]() {
      speech.close();
    },
  };
}

/** Until something is so; the test's own time is the limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("AnswerSpeech hands on the first word at once, and those of one burst together", async () => {
  using turn = makeSpeech();
  for (const word of ["We ", "have ", "a ", "room "]) turn.speech.push(word);
  assertEquals(turn.said().length, 1);
  await until(() => turn.said().join("") === "We have a room");
  assertEquals(turn.said().length, 2);
});

Deno.test("AnswerSpeech hands on each word of the first sentence at once", async () => {
  using turn = makeSpeech();
  for (const [n, word] of ["We", " have", " a", " room"].entries()) {
    turn.speech.push(word);
    assertEquals(turn.said().length, n + 1, turn.said().join("|"));
    // Longer than a burst.
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
});

Deno.test("AnswerSpeech gathers words once the voice has a sentence to speak", async () => {
  using turn = makeSpeech();
  turn.speech.push("We have a room. ");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const words = Array.from({ length: 20 }, (_, n) => `word${n} `);
  for (const word of words) {
    turn.speech.push(word);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  turn.speech.flush();
  assertEquals(
    turn.said().join("").trim(),
    `We have a room. ${words.join("")}`.trim(),
  );
  // 200 ms of words, ten times a second, and the rest.
  assert(turn.said().length < 12, `${turn.said().length} parts`);
});

Deno.test("AnswerSpeech lets the end of a sentence wait no longer than a burst", async () => {
  using turn = makeSpeech();
  turn.speech.push("We have a room. ");
  await until(() => turn.said().join("").startsWith("We have a room."));
  turn.speech.push("It ");
  const pushedAt = performance.now();
  turn.speech.push("is quiet. ");
  await until(() => turn.said().join("").includes("quiet."));
  const waitedMs = (turn.parts.at(-1)?.at ?? Infinity) - pushedAt;
  assert(waitedMs < 95, `${waitedMs.toFixed(0)} ms`);
});
