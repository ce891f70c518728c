import { assert, assertEquals } from "@std/assert";
import { AnswerSpeech } from "../../src/conversation/answer_speech.ts";
import type { Agent, TurnPart } from "../../src/conversation/turn.ts";
import { agent } from "../fakes/agent.ts";

/** The speech of a turn. */
function makeSpeech(
  of: Partial<Agent>,
  write: (part: TurnPart & { type: "speech" }) => void,
): AnswerSpeech {
  return new AnswerSpeech({
    agent: { ...agent, maxTurnSeconds: 600, ...of },
    stop: new AbortController(),
    keep() {},
    write: (part) => part.type === "speech" && write(part),
  });
}

/** Speech with a clock of its own, and which fillers it said when. */
function make(
  fillerMessages: string[],
  fillerAfterMs = 2_500,
  of: Partial<Agent> = {},
) {
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
  const speech = makeSpeech(
    { fillerMessages, fillerAfterMs, ...of },
    ({ text, isFiller }) => {
      if (isFiller) said.push([time - 1_000, text.trim()]);
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
    speech,
    said,
    pass,
    [Symbol.dispose]() {
      speech.close();
      globalThis.setTimeout = setTimeout;
      performance.now = now;
    },
  };
}

Deno.test("AnswerSpeech says something after its time, first of all", () => {
  using made = make(["One moment."]);
  const { speech, said, pass } = made;
  speech.begin(0);
  pass(2_499);
  assertEquals(said, []);
  pass(1);
  assertEquals(said, [[2_500, "One moment."]]);
});

Deno.test("AnswerSpeech waits until what was said has been spoken", () => {
  using made = make(["One moment."]);
  const { speech, said, pass } = made;
  speech.begin(0);
  pass(2_000);
  // 15 letters a second. The last space is held back: so long are 199 letters.
  speech.push(`${"x".repeat(98)}. `);
  // Words wait for those before them to be spoken.
  speech.push(`${"x".repeat(98)}. `);
  pass(12_935 + 2_499);
  assertEquals(said, []);
  pass(1);
  assertEquals(said, [[17_435, "One moment."]]);
});

Deno.test("AnswerSpeech goes on as long as it is silent, and its messages take turns", () => {
  using made = make(["One.", "Two two.", "Three."]);
  const { speech, said, pass } = made;
  speech.begin(0);
  pass(12_000);
  // The fillers take their time as well, and so do the spaces before them.
  assertEquals(said, [
    [2_500, "One."],
    [5_260, "Two two."],
    [8_345, "Three."],
    [11_300, "One."],
  ]);
});

Deno.test("AnswerSpeech begins with another message in the next turn", () => {
  const firsts = [0, 1, 2, 3].map((turnNumber) => {
    using made = make(["One.", "Two.", "Three."]);
    const { speech, said, pass } = made;
    speech.begin(turnNumber);
    pass(2_500);
    return said[0]?.[1];
  });
  assertEquals(firsts, ["One.", "Two.", "Three.", "One."]);
});

Deno.test("AnswerSpeech says nothing where the time is 0 or there are no messages", () => {
  for (const made of [() => make(["One."], 0), () => make([])]) {
    using clock = made();
    const { speech, said, pass } = clock;
    speech.begin(0);
    speech.push("Hello.");
    pass(60_000);
    assertEquals(said, []);
  }
});

Deno.test({
  name: "AnswerSpeech leaves no timer once its turn is over",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const startedAt = performance.now();
    const said = Promise.withResolvers<string>();
    const options = { fillerMessages: ["One moment."], fillerAfterMs: 30 };
    const speech = makeSpeech(options, ({ text }) => said.resolve(text));
    speech.begin(0);
    assertEquals(await said.promise, "One moment.");
    assert(performance.now() - startedAt >= 29);
    speech.close();
  },
});

const TOOL = { toolFillerMessage: "Let me check.", toolFillerAfterMs: 800 };

Deno.test("AnswerSpeech says the tools' filler once, and then goes on with the others", () => {
  using made = make(["One moment."], 2_500, TOOL);
  const { speech, said, pass } = made;
  speech.begin(0);
  pass(1_000);
  speech.beginTools();
  speech.endStep();
  pass(5_000);
  assertEquals(said, [[1_800, "Let me check."], [5_145, "One moment."]]);
});

Deno.test("AnswerSpeech says no tools' filler once they have returned, nor where another is due sooner", () => {
  using made = make(["One moment."], 2_500, TOOL);
  const { speech, said, pass } = made;
  speech.begin(0);
  pass(1_000);
  speech.beginTools();
  pass(799);
  speech.endTools();
  pass(100);
  speech.beginTools();
  pass(700);
  assertEquals(said, [[2_500, "One moment."]]);
});

Deno.test("AnswerSpeech says the tools' filler where all others are switched off", () => {
  using made = make(["One moment."], 0, TOOL);
  const { speech, said, pass } = made;
  speech.begin(0);
  speech.beginTools();
  pass(60_000);
  assertEquals(said, [[800, "Let me check."]]);
});
