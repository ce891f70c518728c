import { assert, assertEquals } from "@std/assert";
import { createSilenceFiller } from "../../src/conversation/silence_filler.ts";
import { type Alarms, createAlarms } from "../../src/providers/alarms.ts";

/** Alarms that ring when the test wants it. */
function createManualAlarms() {
  const due = new Map<string, { afterMs: number; ring: () => void }>();
  const alarms: Alarms = {
    set: (name, afterMs, ring) => void due.set(name, { afterMs, ring }),
    clear: (name) => void due.delete(name),
    close: () => due.clear(),
  };
  return {
    alarms,
    /** In how many milliseconds it would ring. */
    afterMs: () => due.get("filler")?.afterMs,
    ring() {
      const alarm = due.get("filler");
      due.delete("filler");
      alarm?.ring();
    },
  };
}

function make(fillerMessages: string[], fillerAfterMs = 2_500) {
  const { alarms, ...rest } = createManualAlarms();
  const said: string[] = [];
  const filler = createSilenceFiller(
    { fillerMessages, fillerAfterMs },
    alarms,
    (text) => {
      said.push(text);
      filler.onSpeech(text);
    },
  );
  return { filler, said, ...rest };
}

/** About so many milliseconds: the test takes time, too. */
function assertAbout(ms: number | undefined, expected: number): void {
  const isAbout = ms !== undefined && ms <= expected + 1 && ms > expected - 500;
  assert(isAbout, `${ms} ms instead of ${expected}`);
}

Deno.test("createSilenceFiller() says something after its time, first of all", () => {
  const { filler, said, afterMs, ring } = make(["One moment."]);
  filler.begin(0);
  assertAbout(afterMs(), 2_500);
  ring();
  assertEquals(said, ["One moment."]);
});

Deno.test("createSilenceFiller() waits until what was said has been spoken", () => {
  const { filler, afterMs } = make(["One moment."]);
  filler.begin(0);
  // 15 letters a second: so long are 100 letters.
  filler.onSpeech("x".repeat(100));
  assertAbout(afterMs(), 2_500 + 6_500);
  // Words wait for those before them to be spoken.
  filler.onSpeech("x".repeat(100));
  assertAbout(afterMs(), 2_500 + 13_000);
});

Deno.test("createSilenceFiller() goes on as long as it is silent, and its messages take turns", () => {
  const { filler, said, afterMs, ring } = make(["One.", "Two two.", "Three."]);
  filler.begin(0);
  for (let n = 0; n < 4; n++) ring();
  assertEquals(said, ["One.", "Two two.", "Three.", "One."]);
  // The fillers take their time as well.
  assertAbout(afterMs(), 2_500 + said.join("").length * 65);
});

Deno.test("createSilenceFiller() begins with another message in the next turn", () => {
  const firsts = [0, 1, 2, 3].map((turnNumber) => {
    const { filler, said, ring } = make(["One.", "Two.", "Three."]);
    filler.begin(turnNumber);
    ring();
    return said[0];
  });
  assertEquals(firsts, ["One.", "Two.", "Three.", "One."]);
});

Deno.test("createSilenceFiller() says nothing where the time is 0 or there are no messages", () => {
  for (const { filler, afterMs } of [make(["One."], 0), make([])]) {
    filler.begin(0);
    filler.onSpeech("Hello.");
    assertEquals(afterMs(), undefined);
  }
});

Deno.test({
  name: "createSilenceFiller() keeps its time on the turn's alarms",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const alarms = createAlarms();
    const startedAt = performance.now();
    const said = Promise.withResolvers<string>();
    const options = { fillerMessages: ["One moment."], fillerAfterMs: 30 };
    const filler = createSilenceFiller(options, alarms, said.resolve);
    filler.begin(0);
    assertEquals(await said.promise, "One moment.");
    assert(performance.now() - startedAt >= 29);
    alarms.close();
  },
});
