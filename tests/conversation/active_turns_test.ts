import { assertEquals, assertRejects } from "@std/assert";
import { createFloor } from "../../src/conversation/floor.ts";
import type { RunningTurn, RunTurn } from "../../src/conversation/turn.ts";

/** A turn that notes its steps, and takes its time to end. */
function scripted(name: string, journal: string[], endless = true): RunTurn {
  return async function* (signal) {
    journal.push(`${name} begins`);
    try {
      yield { type: "speech", text: name };
      if (endless) {
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      }
    } catch {
      journal.push(`${name} aborted`);
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 1));
      journal.push(`${name} ends`);
    }
  };
}

async function collect(turn: RunningTurn): Promise<string[]> {
  const said: string[] = [];
  for (let step = await turn.next(); !step.done; step = await turn.next()) {
    if (step.value.type === "speech") said.push(step.value.text);
  }
  return said;
}

Deno.test("take() runs a turn to its end", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  const turn = floor.take("a", scripted("one", journal, false));
  assertEquals(floor.size, 1);
  assertEquals(await collect(turn), ["one"]);
  assertEquals(floor.size, 0);
});

Deno.test("take() begins a turn before anybody asks for its first piece", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  const turn = floor.take("a", scripted("one", journal));
  await turn.stop();
  assertEquals(journal, ["one begins", "one ends"]);
  assertEquals(floor.size, 0);
});

Deno.test("take() ends the turn before, whole, and then begins", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  const one = floor.take("a", scripted("one", journal));
  await one.next();
  const rest = one.next();
  const two = floor.take("a", scripted("two", journal, false));
  assertEquals(await rest, { done: true, value: undefined });
  assertEquals(await collect(two), ["two"]);
  assertEquals(journal, [
    "one begins",
    "one aborted",
    "one ends",
    "two begins",
    "two ends",
  ]);
});

Deno.test("take() lets the last of many have the floor", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  const turns = ["1", "2", "3", "4"].map((name) =>
    floor.take("a", scripted(name, journal, name !== "4"))
  );
  const said = await Promise.all(turns.map(collect));
  assertEquals(said.at(-1), ["4"]);
  const begins = journal.filter((line) => line.endsWith("begins"));
  assertEquals(begins.at(-1), "4 begins");
  // Never two at once: each beginning is followed by its own end.
  const order = journal.filter((line) => !line.endsWith("aborted"));
  for (let n = 0; n < order.length; n += 2) {
    assertEquals(order[n]?.split(" ")[0], order[n + 1]?.split(" ")[0]);
  }
  assertEquals(floor.size, 0);
});

Deno.test("take() leaves other conversations alone", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  const one = floor.take("a", scripted("one", journal));
  await one.next();
  await collect(floor.take("b", scripted("two", journal, false)));
  assertEquals(journal, ["one begins", "two begins", "two ends"]);
  await one.stop();
});

Deno.test("take() passes a turn's error to whoever asks for the piece", async () => {
  const floor = createFloor();
  // deno-lint-ignore require-yield
  const turn = floor.take("a", async function* () {
    await Promise.resolve();
    throw new RangeError("no");
  });
  await assertRejects(() => turn.next(), RangeError);
  assertEquals(floor.size, 0);
});

Deno.test("clear() ends every turn", async () => {
  const floor = createFloor();
  const journal: string[] = [];
  floor.take("a", scripted("one", journal));
  floor.take("b", scripted("two", journal));
  await floor.clear();
  assertEquals(floor.size, 0);
  assertEquals(journal.filter((line) => line.endsWith("ends")).length, 2);
});
