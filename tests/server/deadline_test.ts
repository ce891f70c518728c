import { assert, assertEquals, assertRejects } from "@std/assert";
import { abortable, Deadline } from "../../src/server/deadline.ts";

/** Resolves with what happened within a time, each with when it did. */
async function watch(
  withinMs: number,
  begin: (happens: (what: string) => () => void) => void,
): Promise<[what: string, atMs: number][]> {
  const startedAt = performance.now();
  const happened: [string, number][] = [];
  begin((what) => () => {
    happened.push([what, performance.now() - startedAt]);
  });
  await new Promise((resolve) => setTimeout(resolve, withinMs));
  return happened;
}

Deno.test("Deadline passes after its time, and not before, whatever the order of setting", async () => {
  const set: [what: string, at: number][] = [];
  const happened = await watch(400, (happens) => {
    for (const ms of [90, 30, 60, 31]) {
      const deadline = new Deadline(happens(`${ms}`));
      deadline.set(ms);
      // On a busy machine, time passes between two of them.
      set.push([`${ms}`, deadline.at]);
    }
  });
  const inOrder = set.sort(([, a], [, b]) => a - b).map(([what]) => what);
  assertEquals(happened.map(([what]) => what), inOrder);
  for (const [what, atMs] of happened) assert(atMs >= Number(what) - 1);
});

Deno.test("Deadline passes once each time that it is set", async () => {
  const happened = await watch(300, (happens) => {
    const over = happens("over");
    let left = 3;
    const deadline: Deadline = new Deadline(() => {
      over();
      if (--left > 0) deadline.set(20);
    });
    deadline.set(20);
  });
  assertEquals(happened.length, 3);
});

Deno.test("Deadline moves, later and earlier, when it is set again", async () => {
  const happened = await watch(400, (happens) => {
    const later = new Deadline(happens("later"));
    later.set(10);
    later.set(150);
    const earlier = new Deadline(happens("earlier"));
    earlier.set(60_000);
    earlier.set(40);
    const never = new Deadline(happens("never"));
    never.set(10);
    never.set(Infinity);
    setTimeout(() => never.clear(), 300);
  });
  assertEquals(happened.map(([what]) => what), ["earlier", "later"]);
  assert((happened[1]?.[1] ?? 0) >= 149);
});

Deno.test("Deadline never passes after it was cleared, even by another that is due with it", async () => {
  const happened = await watch(150, (happens) => {
    const first = new Deadline(() => {
      happens("first")();
      second.clear();
      third.set(50);
    });
    const second = new Deadline(happens("second"));
    const third = new Deadline(happens("third"));
    for (const deadline of [first, second, third]) deadline.set(20);
  });
  assertEquals(happened.map(([what]) => what), ["first", "third"]);
  const [, [, thirdAtMs = 0] = []] = happened;
  assert(thirdAtMs >= 69);
});

Deno.test({
  name: "Deadline leaves no timer where none is set",
  sanitizeOps: true,
  sanitizeResources: true,
  async fn() {
    const deadlines = [5, 60_000, 60_000].map((ms) => {
      const deadline = new Deadline(() => {});
      deadline.set(ms);
      return deadline;
    });
    await new Promise((resolve) => setTimeout(resolve, 40));
    for (const deadline of deadlines) deadline.clear();
  },
});

Deno.test("Deadline may be further away than any timer can be", async () => {
  const { setTimeout } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((...given: Parameters<typeof setTimeout>) => {
    timers++;
    return setTimeout(...given);
  }) as typeof setTimeout;
  const deadline = new Deadline(() => {});
  try {
    deadline.set(2 ** 32);
    await new Promise((resolve) => setTimeout(resolve, 100));
  } finally {
    deadline.clear();
    globalThis.setTimeout = setTimeout;
  }
  assertEquals(timers, 1);
});

Deno.test("abortable() settles as the promise does, or with the reason of an aborted signal", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  assertEquals(await abortable(1, signal), 1);
  const failing = Promise.reject(new TypeError("no"));
  await assertRejects(() => abortable(failing, signal), TypeError, "no");
  const late = abortable(new Promise(() => {}), signal);
  controller.abort(new RangeError("late"));
  await assertRejects(() => late, RangeError, "late");
  const never = new Promise(() => {});
  await assertRejects(() => abortable(never, signal), RangeError, "late");
});
