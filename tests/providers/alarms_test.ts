import { assert, assertEquals } from "@std/assert";
import { createAlarms } from "../../src/providers/alarms.ts";

/** As a leaked timer is what most likely goes wrong here. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

const sleep = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));

/** Counts the timers that are set meanwhile. */
async function countTimers(task: () => Promise<void> | void): Promise<number> {
  const { setTimeout } = globalThis;
  let count = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    count++;
    return setTimeout(...args);
  }) as typeof setTimeout;
  try {
    await task();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return count;
}

test("createAlarms() rings once, not before its time", async () => {
  const alarms = createAlarms();
  const startedAt = performance.now();
  let rings = 0;
  const rung = Promise.withResolvers<void>();
  alarms.set("a", 20, () => {
    rings++;
    rung.resolve();
  });
  await rung.promise;
  assert(performance.now() - startedAt >= 19);
  await sleep(30);
  assertEquals(rings, 1);
  alarms.close();
});

test("createAlarms() rings in the order of their times, whatever the order they were set in", async () => {
  const alarms = createAlarms();
  const rung: string[] = [];
  const last = Promise.withResolvers<void>();
  alarms.set("third", 25, () => {
    rung.push("third");
    last.resolve();
  });
  alarms.set("first", 5, () => rung.push("first"));
  alarms.set("second", 15, () => rung.push("second"));
  await last.promise;
  assertEquals(rung, ["first", "second", "third"]);
  alarms.close();
});

test("createAlarms() sets no timer when an alarm is put off, as happens at every word", async () => {
  const alarms = createAlarms();
  let rings = 0;
  const timers = await countTimers(() => {
    for (let n = 0; n < 1_000; n++) {
      alarms.set("filler", 1_000 + n, () => rings++);
      alarms.set("look", 2_000, () => rings++);
    }
  });
  assertEquals(timers, 1);
  assertEquals(rings, 0);
  alarms.close();
});

test("createAlarms() rings at the later time only, where an alarm was put off", async () => {
  const alarms = createAlarms();
  const startedAt = performance.now();
  const rung = Promise.withResolvers<string>();
  alarms.set("a", 5, () => rung.resolve("the first"));
  alarms.set("a", 40, () => rung.resolve("the second"));
  assertEquals(await rung.promise, "the second");
  assert(performance.now() - startedAt >= 39);
  alarms.close();
});

test("createAlarms() rings at the earlier time, where an alarm was brought forward", async () => {
  const alarms = createAlarms();
  const rung = Promise.withResolvers<string>();
  alarms.set("a", 60_000, () => rung.resolve("the first"));
  alarms.set("a", 5, () => rung.resolve("the second"));
  assertEquals(await rung.promise, "the second");
  alarms.close();
});

test("createAlarms() doesn't ring what was taken back, also by another that rings at the same time", async () => {
  const alarms = createAlarms();
  const rung: string[] = [];
  alarms.set("never", 1, () => rung.push("never"));
  alarms.clear("never");
  alarms.clear("nobody");
  alarms.set("one", 5, () => {
    rung.push("one");
    alarms.clear("two");
  });
  alarms.set("two", 5, () => rung.push("two"));
  await sleep(25);
  assertEquals(rung, ["one"]);
  alarms.close();
});

test("createAlarms() lets an alarm set itself anew, and others, while it rings", async () => {
  const alarms = createAlarms();
  const rung: string[] = [];
  const over = Promise.withResolvers<void>();
  let left = 3;
  function ring() {
    rung.push("again");
    if (--left > 0) alarms.set("again", 1, ring);
    else alarms.set("last", 1, () => over.resolve());
  }
  alarms.set("again", 1, ring);
  await over.promise;
  assertEquals(rung, ["again", "again", "again"]);
  alarms.close();
});

test("createAlarms() is silent once it is closed, and leaves no timer", async () => {
  const alarms = createAlarms();
  let rings = 0;
  alarms.set("a", 1, () => rings++);
  alarms.set("b", 60_000, () => rings++);
  alarms.close();
  alarms.set("c", 1, () => rings++);
  alarms.close();
  await sleep(10);
  assertEquals(rings, 0);
});

test("createAlarms() may be closed by an alarm, and the others don't ring", async () => {
  const alarms = createAlarms();
  const rung: string[] = [];
  alarms.set("one", 1, () => {
    rung.push("one");
    alarms.close();
  });
  alarms.set("two", 1, () => rung.push("two"));
  await sleep(15);
  assertEquals(rung, ["one"]);
});
