import { assertEquals } from "@std/assert";
import { createSpeaker } from "../../../src/web/playground/voice_out.js";

/** A voice that a test speaks for, and what came of it. */
function make() {
  let time = 1_000;
  const given: SpeechSynthesisUtterance[] = [];
  const progress: [offset: number, isOver: boolean][] = [];
  const troubles: string[] = [];
  const speaker = createSpeaker({
    synth: {
      speak: (utterance: SpeechSynthesisUtterance) => given.push(utterance),
      cancel() {},
    } as unknown as SpeechSynthesis,
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
    start(n: number) {
      given[n]?.onstart?.(new Event("start") as SpeechSynthesisEvent);
    },
  };
}

Deno.test("createSpeaker() goes on where a voice forgets to end", async () => {
  const { speaker, given, progress, troubles, start, pass } = make();
  speaker.say({ text: "One sentence. ", start: 0 });
  speaker.say({ text: "Another.", start: 14 });
  speaker.end();
  start(0);
  await pass(5_000);
  assertEquals(given.map(({ text }) => text), ["One sentence."]);
  await pass(10_000);
  assertEquals(given.map(({ text }) => text), ["One sentence.", "Another."]);
  start(1);
  await pass(60_000);
  assertEquals(progress.at(-1), [22, true]);
  assertEquals(speaker.saying(), "");
  assertEquals(troubles, []);
});

Deno.test("createSpeaker() says when a voice doesn't begin", async () => {
  const { speaker, given, troubles, pass } = make();
  speaker.say({ text: "One sentence.", start: 0 });
  await pass(7_000);
  assertEquals(given.length, 1);
  assertEquals(troubles.length, 1);
  assertEquals(speaker.stop(), 0);
});
