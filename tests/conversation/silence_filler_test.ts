import { assert, assertEquals } from "@std/assert";
import { SilenceFiller } from "../../src/conversation/silence_filler.ts";

/** A filler with a clock of its own, and when it said what. */
function make(fillerMessages: string[], fillerAfterMs = 2_500) {
  const { setTimeout } = globalThis;
  const { now } = performance;
  let time = 1_000;
  let due: { at: number; ring: () => void } | undefined;
  performance.now = () => time;
  globalThis.setTimeout = ((ring: () => void, afterMs: number) => {
    due = { at: time + afterMs, ring };
    return 1;
  }) as unknown as typeof setTimeout;
  const said: [ms: number, text: string][] = [];
  const filler = new SilenceFiller(
    { fillerMessages, fillerAfterMs },
    (text) => {
      said.push([time - 1_000, text]);
      filler.onSpeech(text);
    },
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
  return {
    filler,
    said,
    pass,
    [Symbol.dispose]() {
      filler.end();
      globalThis.setTimeout = setTimeout;
      performance.now = now;
    },
  };
}

Deno.test("SilenceFiller says something after its time, first of all", () => {
  using made = make(["One moment."]);
  const { filler, said, pass } = made;
  filler.begin(0);
  pass(2_499);
  assertEquals(said, []);
  pass(1);
  assertEquals(said, [[2_500, "One moment."]]);
});

Deno.test("SilenceFiller waits until what was said has been spoken", () => {
  using made = make(["One moment."]);
  const { filler, said, pass } = made;
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

Deno.test("SilenceFiller goes on as long as it is silent, and its messages take turns", () => {
  using made = make(["One.", "Two two.", "Three."]);
  const { filler, said, pass } = made;
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

Deno.test("SilenceFiller begins with another message in the next turn", () => {
  const firsts = [0, 1, 2, 3].map((turnNumber) => {
    using made = make(["One.", "Two.", "Three."]);
    const { filler, said, pass } = made;
    filler.begin(turnNumber);
    pass(2_500);
    return said[0]?.[1];
  });
  assertEquals(firsts, ["One.", "Two.", "Three.", "One."]);
});

Deno.test("SilenceFiller says nothing where the time is 0 or there are no messages", () => {
  for (const made of [() => make(["One."], 0), () => make([])]) {
    using clock = made();
    const { filler, said, pass } = clock;
    filler.begin(0);
    filler.onSpeech("Hello.");
    pass(60_000);
    assertEquals(said, []);
  }
});

Deno.test({
  name: "SilenceFiller leaves no timer once its turn is over",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const startedAt = performance.now();
    const said = Promise.withResolvers<string>();
    const options = { fillerMessages: ["One moment."], fillerAfterMs: 30 };
    const filler = new SilenceFiller(options, said.resolve);
    filler.begin(0);
    assertEquals(await said.promise, "One moment.");
    assert(performance.now() - startedAt >= 29);
    filler.end();
  },
});
