import { assertEquals } from "@std/assert";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { startRetention } from "../../src/sessions/mod.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { user } from "./contract.ts";

const DAY_MS = 24 * 60 * 60_000;
const HOUR_MS = 60 * 60_000;
const uptime = () => performance.now();

function recordingLog() {
  const events: string[] = [];
  const at = (event: string) => void events.push(event);
  return { events, log: { debug: at, info: at, warn: at, error: at } };
}

Deno.test("startRetention() deletes conversations older than the setting", async () => {
  const store = createMemoryStore();
  const { events, log } = recordingLog();
  await store.update("a", () => [user("t1", "Hello")]);
  const inDays = (days: number) => () => Date.now() + days * DAY_MS;
  for (const now of [inDays(0), inDays(29.9)]) {
    await startRetention({ store, days: 30, log, now, uptime })();
  }
  assertEquals((await store.load("a")).isEmpty, false);
  await startRetention({ store, days: 0, log, now: inDays(9_000), uptime })();
  assertEquals((await store.load("a")).isEmpty, false);
  assertEquals(events, []);
  await startRetention({ store, days: 30, log, now: inDays(30.1), uptime })();
  assertEquals((await store.load("a")).isEmpty, true);
  assertEquals(events, ["sessions.swept"]);
});

Deno.test("startRetention() goes on after the store has failed", async () => {
  const { events, log } = recordingLog();
  const store = {
    ...createMemoryStore(),
    sweep: () => Promise.reject(new Error("Cannot delete old sessions")),
  };
  await startRetention({ store, days: 1, log, now: Date.now, uptime })();
  assertEquals(events, ["sessions.not_swept"]);
});

/** Starts retention with two clocks that the test sets, and a timer that it fires. */
function startOn(store: SessionStore, clocks: { wall: number; up: number }) {
  const hourly: (() => void)[] = [];
  const { setInterval } = globalThis;
  const fake = (task: () => void) => hourly.push(task);
  Object.assign(globalThis, { setInterval: fake });
  const { events, log } = recordingLog();
  const stop = startRetention({
    ...{ store, days: 30, log },
    now: () => clocks.wall,
    uptime: () => clocks.up,
  });
  Object.assign(globalThis, { setInterval });
  async function afterAnHour(jumpMs = 0): Promise<void> {
    clocks.wall += HOUR_MS + jumpMs;
    clocks.up += HOUR_MS;
    for (const task of hourly) task();
    await stop();
  }
  return { events, afterAnHour, settled: stop };
}

Deno.test("startRetention() deletes nothing after the clock was set, and says so", async () => {
  const store = createMemoryStore();
  await store.update("a", () => [user("t1", "Hello")]);
  for (const jumpMs of [60 * DAY_MS, -60 * DAY_MS]) {
    const { events, afterAnHour } = startOn(store, { wall: Date.now(), up: 7 });
    await afterAnHour(jumpMs);
    await afterAnHour();
    assertEquals((await store.load("a")).isEmpty, false);
    assertEquals(events, ["sessions.not_swept", "sessions.not_swept"]);
    // The clock is set back, so that the two agree again.
    await afterAnHour(-jumpMs);
    assertEquals(events.length, 2);
  }
});

Deno.test("startRetention() deletes at most a tenth at once, in case the clock was wrong from the start", async () => {
  const store = createMemoryStore();
  for (let n = 0; n < 40; n++) {
    await store.update(`${n}`, () => [user("t1", "Hello")]);
  }
  const count = async () => (await store.list({ limit: 100 })).sessions.length;
  const wall = Date.now() + 60 * DAY_MS;
  const { afterAnHour, settled } = startOn(store, { wall, up: 7 });
  await settled();
  assertEquals(await count(), 36);
  await afterAnHour();
  assertEquals(await count(), 32);
});
