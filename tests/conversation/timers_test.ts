import { assert, assertEquals } from "@std/assert";
import { createTimers } from "../../src/conversation/timers.ts";

/** As a leaked timer is what most likely goes wrong here. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn });
}

const sleep = (ms: number) => new Promise<void>((go) => setTimeout(go, ms));

test("createTimers() calls once, not before its time", async () => {
  const timers = createTimers();
  const startedAt = performance.now();
  let calls = 0;
  const called = Promise.withResolvers<void>();
  timers.set("a", 20, () => {
    calls++;
    called.resolve();
  });
  await called.promise;
  assert(performance.now() - startedAt >= 19);
  await sleep(30);
  assertEquals(calls, 1);
  timers.close();
});

test("createTimers() calls in the order of their times, whatever the order they were set in", async () => {
  const timers = createTimers();
  const called: string[] = [];
  const last = Promise.withResolvers<void>();
  timers.set("third", 25, () => {
    called.push("third");
    last.resolve();
  });
  timers.set("first", 5, () => called.push("first"));
  timers.set("second", 15, () => called.push("second"));
  await last.promise;
  assertEquals(called, ["first", "second", "third"]);
  timers.close();
});

test("createTimers() calls at the later time only, where one was put off", async () => {
  const timers = createTimers();
  const startedAt = performance.now();
  const called = Promise.withResolvers<string>();
  timers.set("a", 5, () => called.resolve("the first"));
  timers.set("a", 40, () => called.resolve("the second"));
  assertEquals(await called.promise, "the second");
  assert(performance.now() - startedAt >= 39);
  timers.close();
});

test("createTimers() calls at the earlier time, where one was brought forward", async () => {
  const timers = createTimers();
  const called = Promise.withResolvers<string>();
  timers.set("a", 60_000, () => called.resolve("the first"));
  timers.set("a", 5, () => called.resolve("the second"));
  assertEquals(await called.promise, "the second");
  timers.close();
});

test("createTimers() doesn't call what was taken back, also by another that is due at the same time", async () => {
  const timers = createTimers();
  const called: string[] = [];
  timers.set("never", 1, () => called.push("never"));
  timers.clear("never");
  timers.clear("nobody");
  timers.set("one", 5, () => {
    called.push("one");
    timers.clear("two");
  });
  timers.set("two", 5, () => called.push("two"));
  await sleep(25);
  assertEquals(called, ["one"]);
  timers.close();
});

test("createTimers() lets one set itself anew, and others, while it is called", async () => {
  const timers = createTimers();
  const called: string[] = [];
  const over = Promise.withResolvers<void>();
  let left = 3;
  function again() {
    called.push("again");
    if (--left > 0) timers.set("again", 1, again);
    else timers.set("last", 1, () => over.resolve());
  }
  timers.set("again", 1, again);
  await over.promise;
  assertEquals(called, ["again", "again", "again"]);
  timers.close();
});

test("createTimers() is silent once it is closed, and leaves no timer", async () => {
  const timers = createTimers();
  let calls = 0;
  timers.set("a", 1, () => calls++);
  timers.set("b", 60_000, () => calls++);
  timers.close();
  timers.set("c", 1, () => calls++);
  timers.close();
  await sleep(10);
  assertEquals(calls, 0);
});

test("createTimers() may be closed by one of them, and the others are not called", async () => {
  const timers = createTimers();
  const called: string[] = [];
  timers.set("one", 1, () => {
    called.push("one");
    timers.close();
  });
  timers.set("two", 1, () => called.push("two"));
  await sleep(15);
  assertEquals(called, ["one"]);
});
