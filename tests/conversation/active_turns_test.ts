import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ActiveTurns,
  TooManyTurnsError,
} from "../../src/conversation/active_turns.ts";
import type { RunTurn } from "../../src/conversation/turn.ts";

/** A turn that notes its steps, and takes its time to end. */
function scripted(name: string, journal: string[], endless = true): RunTurn {
  return async function (signal, out) {
    journal.push(`${name} begins`);
    out.stored();
    out.write({ type: "speech", text: name });
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
  return Object.assign(turn, { leave, said, spoke: spoke.promise });
}

Deno.test("start() runs a turn to its end", async () => {
  const turns = new ActiveTurns();
  const turn = start(turns, "a", scripted("one", [], false));
  assertEquals(turns.size, 1);
  await turn.done;
  assertEquals(turn.said, ["one"]);
  assertEquals(turns.size, 0);
});

Deno.test("start() tells when the caller's words are kept, before the turn is over", async () => {
  const turns = new ActiveTurns();
  const turn = start(turns, "a", scripted("one", []));
  await turn.stored;
  assertEquals(turns.size, 1);
  await turn.stop();
});

Deno.test("start() holds nobody up where the caller's words can't be kept", async () => {
  const turns = new ActiveTurns();
  await start(turns, "a", () => Promise.resolve()).stored;
  const failing = start(turns, "a", () => Promise.reject(new RangeError("no")));
  failing.done.catch(() => {});
  await failing.stored;
  assertEquals(turns.size, 0);
});

Deno.test("start() runs a turn that is stopped before it began: the caller has spoken all the same", async () => {
  const turns = new ActiveTurns();
  const journal: string[] = [];
  await start(turns, "a", scripted("one", journal)).stop();
  assertEquals(journal, ["one begins", "one aborted", "one ends"]);
  assertEquals(turns.size, 0);
});

Deno.test("start() ends the turn before, whole, and then begins", async () => {
  const turns = new ActiveTurns();
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
  const turns = new ActiveTurns();
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
  const turns = new ActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", () => Promise.reject(new RangeError("no")));
  const two = start(turns, "a", scripted("two", journal, false));
  await assertRejects(() => one.done, RangeError);
  await two.done;
  assertEquals(journal, ["two begins", "two ends"]);
});

Deno.test("start() leaves other conversations alone", async () => {
  const turns = new ActiveTurns();
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal));
  await one.spoke;
  await start(turns, "b", scripted("two", journal, false)).done;
  assertEquals(journal, ["one begins", "two begins", "two ends"]);
  await one.stop();
});

Deno.test("start() tells whoever waits for the end how the turn failed", async () => {
  const turns = new ActiveTurns();
  const turn = start(turns, "a", () => Promise.reject(new RangeError("no")));
  await assertRejects(() => turn.done, RangeError);
  // Whoever stops it is told nothing.
  await turn.stop();
  assertEquals(turns.size, 0);
});

Deno.test("stop() resolves when the turn's record is written", async () => {
  const turns = new ActiveTurns();
  const journal: string[] = [];
  const turn = start(turns, "a", scripted("one", journal));
  await turn.spoke;
  await Promise.all([turn.stop(), turn.stop()]);
  assertEquals(journal.at(-1), "one ends");
});

Deno.test("end() ends a conversation's turn, if there is one", async () => {
  const turns = new ActiveTurns();
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
  const turns = new ActiveTurns();
  const journal: string[] = [];
  start(turns, "a", scripted("one", journal));
  start(turns, "b", scripted("two", journal));
  await turns.endAll();
  assertEquals(turns.size, 0);
  assertEquals(journal.filter((line) => line.endsWith("ends")).length, 2);
});

Deno.test("start() lets no more turns in than are allowed, and the next when one has ended", async () => {
  const turns = new ActiveTurns({ max: 2 });
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal));
  const two = start(turns, "b", scripted("two", journal));
  assertThrows(() => start(turns, "c", scripted("no", [])), TooManyTurnsError);
  await one.stop();
  const three = start(turns, "c", scripted("three", journal));
  await Promise.all([two.stop(), three.stop()]);
  assertEquals(journal.some((line) => line.startsWith("no")), false);
  assertEquals(turns.size, 0);
});

Deno.test("start() lets a caller who is in a call interrupt though there are too many, up to twice as many", async () => {
  const turns = new ActiveTurns({ max: 1 });
  const journal: string[] = [];
  const one = start(turns, "a", scripted("one", journal), "t1");
  const two = start(turns, "a", scripted("two", journal), "t2");
  assertThrows(
    () => start(turns, "a", scripted("no", journal), "t3"),
    TooManyTurnsError,
  );
  await one.done;
  await two.stop();
  assertEquals(turns.size, 0);
});

Deno.test("find() gives the very turn that is under way", async () => {
  const turns = new ActiveTurns();
  const find = (turnId: string) => turns.find({ conversationId: "a", turnId });
  const one = start(turns, "a", scripted("one", []), "t1");
  await one.spoke;
  const said: string[] = [];
  const joined = find("t1");
  joined?.listen((part) => {
    if (part.type === "speech") said.push(part.text);
    return undefined;
  });
  assertEquals(said, ["one"]);
  assertEquals(find("t2"), undefined);
  await one.stop();
  assertEquals(find("t1"), undefined);
});

Deno.test("find() gives a turn that a newer one ends, so that it doesn't end that one, and none that ends for want of a listener", async () => {
  const turns = new ActiveTurns();
  const id = { conversationId: "a", turnId: "t1" };
  const one = start(turns, "a", scripted("one", []), "t1");
  await one.spoke;
  one.leave?.();
  assertEquals(turns.find(id), undefined);
  await one.done;
  const again = start(turns, "a", scripted("one", []), "t1");
  const two = start(turns, "a", scripted("two", [], false), "t2");
  assertEquals(turns.find(id) === undefined, false);
  await Promise.all([again.done, two.done]);
  assertEquals(two.said, ["two"]);
});

Deno.test("listen() keeps a turn going until the last listener has left", async () => {
  const turns = new ActiveTurns();
  const one = start(turns, "a", scripted("one", []));
  await one.spoke;
  const leave = turns.find({ conversationId: "a", turnId: "t1" })
    ?.listen(() => undefined);
  one.leave?.();
  await new Promise((go) => setTimeout(go, 10));
  assertEquals(turns.size, 1);
  leave?.();
  await one.done;
  assertEquals(turns.size, 0);
});

Deno.test("listen() ends a turn whose only listener takes nothing for long", async () => {
  const turns = new ActiveTurns({ stalledMs: 20 });
  const journal: string[] = [];
  const id = { conversationId: "a", turnId: "t1" };
  const turn = turns.start(id, scripted("one", journal));
  turn.listen(() => new Promise(() => {}));
  await turn.done;
  assertEquals(journal, ["one begins", "one aborted", "one ends"]);
});
