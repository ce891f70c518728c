import { assertEquals, assertRejects } from "@std/assert";
import {
  type ActiveTurns,
  createActiveTurns,
} from "../../src/conversation/active_turns.ts";
import type { RunTurn } from "../../src/conversation/turn.ts";

/** A turn that notes its steps, and takes its time to end. */
function scripted(name: string, journal: string[], endless = true): RunTurn {
  return async function (signal, out) {
    journal.push(`${name} begins`);
    out.stored();
    await out.write({ type: "speech", text: name });
    if (endless && !signal.aborted) {
      await new Promise((resolve) =>
        signal.addEventListener("abort", resolve, { once: true })
      );
    }
    if (signal.aborted) journal.push(`${name} aborted`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    journal.push(`${name} ends`);
  };
}

/** Starts a turn, and keeps what it says. */
function start(
  turns: ActiveTurns,
  conversationId: string,
  run: RunTurn,
  turnId = "t1",
) {
  const said: string[] = [];
  const spoke = Promise.withResolvers<void>();
  const turn = turns.start({ conversationId, turnId }, run);
  const leave = turn.listen((part) => {
    if (part.type === "speech") said.push(part.text);
    spoke.resolve();
    return undefined;
  });
  return { leave, ...turn, said, spoke: spoke.promise };
}

Deno.test("start() runs a turn to its end", async () => {
  const turns = createActiveTurns();
  const turn = start(turns, "a", scripted("one", [], false));
  assertEquals(turns.size, 1);
  await turn.done;
  assertEquals(turn.said, ["one"]);
  assertEquals(turns.size, 0);
});

Deno.test("start() tells when the caller's words are kept, before the turn is over", async () => {
  const turns = createActiveTurns();
  const turn = start(turns, "a", scripted("one", []));
  await turn.stored;
  assertEquals(turns.size, 1);
  await turn.stop();
});

Deno.test("start() holds nobody up where the caller's words can't be kept", async () => {
  const turns = createActiveTurns();
  await start(turns, "a", () => Promise.resolve()).stored;
  const failing = start(turns, "a", () => Promise.reject(new RangeError("no")));
  failing.done.catch(() => {});
  await failing.stored;
  assertEquals(turns.size, 0);
});

Deno.test("start() runs a turn that is stopped before it began: the caller has spoken all the same", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  await start(turns, "a", scripted("one", journal)).stop();
  assertEquals(journal, ["one begins", "one aborted", "one ends"]);
  assertEquals(turns.size, 0);
});

Deno.test("start() ends the turn before, whole, and then begins", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal));
  await one.spoke;
  const two = start(turns, "a", scripted("two", journal, false));
  await Promise.all([one.done, two.done]);
  assertEquals(two.said, ["two"]);
  assertEquals(journal, [
    "one begins",
    "one aborted",
    "one ends",
    "two begins",
    "two ends",
  ]);
});

Deno.test("start() lets the last of many answer", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const started = ["1", "2", "3", "4"].map((name) =>
    start(turns, "a", scripted(name, journal, name !== "4"))
  );
  await Promise.all(started.map(({ done }) => done));
  assertEquals(started.at(-1)?.said, ["4"]);
  const begins = journal.filter((line) => line.endsWith("begins"));
  assertEquals(begins.at(-1), "4 begins");
  // Never two at once: each beginning is followed by its own end.
  const order = journal.filter((line) => !line.endsWith("aborted"));
  for (let n = 0; n < order.length; n += 2) {
    assertEquals(order[n]?.split(" ")[0], order[n + 1]?.split(" ")[0]);
  }
  assertEquals(turns.size, 0);
});

Deno.test("start() begins though the turn before failed", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", () => Promise.reject(new RangeError("no")));
  const two = start(turns, "a", scripted("two", journal, false));
  await assertRejects(() => one.done, RangeError);
  await two.done;
  assertEquals(journal, ["two begins", "two ends"]);
});

Deno.test("start() leaves other conversations alone", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal));
  await one.spoke;
  await start(turns, "b", scripted("two", journal, false)).done;
  assertEquals(journal, ["one begins", "two begins", "two ends"]);
  await one.stop();
});

Deno.test("start() tells whoever waits for the end how the turn failed", async () => {
  const turns = createActiveTurns();
  const turn = start(turns, "a", () => Promise.reject(new RangeError("no")));
  await assertRejects(() => turn.done, RangeError);
  // Whoever stops it is told nothing.
  await turn.stop();
  assertEquals(turns.size, 0);
});

Deno.test("stop() resolves when the turn's record is written", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const turn = start(turns, "a", scripted("one", journal));
  await turn.spoke;
  await Promise.all([turn.stop(), turn.stop()]);
  assertEquals(journal.at(-1), "one ends");
});

Deno.test("end() ends a conversation's turn, if there is one", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal));
  const two = start(turns, "b", scripted("two", journal));
  await Promise.all([one.spoke, two.spoke]);
  await turns.end("a");
  await turns.end("nobody");
  assertEquals(journal.at(-1), "one ends");
  assertEquals(turns.size, 1);
  await two.stop();
});

Deno.test("endAll() ends every turn", async () => {
  const turns = createActiveTurns();
  const journal: string[] = [];
  start(turns, "a", scripted("one", journal));
  start(turns, "b", scripted("two", journal));
  await turns.endAll();
  assertEquals(turns.size, 0);
  assertEquals(journal.filter((line) => line.endsWith("ends")).length, 2);
});
