import { assert, assertEquals } from "@std/assert";
import { createSilenceFiller } from "../../src/conversation/silence_filler.ts";
import { createTimers, type Timers } from "../../src/conversation/timers.ts";

/** A filler with a clock of its own, and when it said what. */
function make(fillerMessages: string[], fillerAfterMs = 2_500) {
  let time = 1_000;
  let due: { at: number; ring: () => void } | undefined;
  const timers: Timers = {
    set: (_, afterMs, ring) => due = { at: time + afterMs, ring },
    clear: () => due = undefined,
    close: () => due = undefined,
  };
  const said: [ms: number, text: string][] = [];
  const filler = createSilenceFiller(
    { fillerMessages, fillerAfterMs },
    timers,
    (text) => {
      said.push([time - 1_000, text]);
      filler.onSpeech(text);
    },
    () => time,
  );
  /** Lets time pass. */
  function pass(ms: number): void {
    const end = time + ms;
    while (due && due.at <= end) {
      const { at, ring } = due;
      due = undefined;
      time = at;
      ring();
    }
    time = end;
  }
  return { filler, said, pass };
}

Deno.test("createSilenceFiller() says something after its time, first of all", () => {
  const { filler, said, pass } = make(["One moment."]);
  filler.begin(0);
  pass(2_499);
  assertEquals(said, []);
  pass(1);
  assertEquals(said, [[2_500, "One moment."]]);
});

Deno.test("createSilenceFiller() waits until what was said has been spoken", () => {
  const { filler, said, pass } = make(["One moment."]);
  filler.begin(0);
  pass(2_000);
  // 15 letters a second: so long are 100 letters.
  filler.onSpeech("x".repeat(100));
  // Words wait for those before them to be spoken.
  filler.onSpeech("x".repeat(100));
  pass(13_000 + 2_499);
  assertEquals(said, []);
  pass(1);
  assertEquals(said, [[17_500, "One moment."]]);
});

Deno.test("createSilenceFiller() goes on as long as it is silent, and its messages take turns", () => {
  const { filler, said, pass } = make(["One.", "Two two.", "Three."]);
  filler.begin(0);
  pass(12_000);
  // The fillers take their time as well.
  assertEquals(said, [
    [2_500, "One."],
    [5_260, "Two two."],
    [8_280, "Three."],
    [11_170, "One."],
  ]);
});

Deno.test("createSilenceFiller() begins with another message in the next turn", () => {
  const firsts = [0, 1, 2, 3].map((turnNumber) => {
    const { filler, said, pass } = make(["One.", "Two.", "Three."]);
    filler.begin(turnNumber);
    pass(2_500);
    return said[0]?.[1];
  });
  assertEquals(firsts, ["One.", "Two.", "Three.", "One."]);
});

Deno.test("createSilenceFiller() says nothing where the time is 0 or there are no messages", () => {
  for (const { filler, said, pass } of [make(["One."], 0), make([])]) {
    filler.begin(0);
    filler.onSpeech("Hello.");
    pass(60_000);
    assertEquals(said, []);
  }
});

Deno.test({
  name: "createSilenceFiller() keeps its time on the turn's timers",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const timers = createTimers();
    const startedAt = performance.now();
    const said = Promise.withResolvers<string>();
    const options = { fillerMessages: ["One moment."], fillerAfterMs: 30 };
    const filler = createSilenceFiller(options, timers, said.resolve);
    filler.begin(0);
    assertEquals(await said.promise, "One moment.");
    assert(performance.now() - startedAt >= 29);
    timers.close();
  },
});
