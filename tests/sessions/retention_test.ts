import { assertEquals } from "@std/assert";
import { createMemoryStore } from "../fakes/memory_store.ts";
import { startRetention } from "../../src/sessions/retention.ts";
import { StoreError } from "../../src/sessions/store.ts";
import { user } from "./contract.ts";

const DAY_MS = 24 * 60 * 60_000;

function recordingLog() {
  const events: string[] = [];
  const at = (event: string) => void events.push(event);
  return { events, log: { debug: at, info: at, warn: at, error: at } };
}

Deno.test("startRetention() forgets what is older than the days say", async () => {
  const store = createMemoryStore();
  const { events, log } = recordingLog();
  await store.update("a", () => [user("t1", "Hello")]);
  const inDays = (days: number) => () => Date.now() + days * DAY_MS;
  for (const now of [inDays(0), inDays(29.9)]) {
    await startRetention({ store, days: 30, log, now })();
  }
  assertEquals((await store.load("a")).isEmpty, false);
  await startRetention({ store, days: 0, log, now: inDays(9_000) })();
  assertEquals((await store.load("a")).isEmpty, false);
  assertEquals(events, []);
  await startRetention({ store, days: 30, log, now: inDays(30.1) })();
  assertEquals((await store.load("a")).isEmpty, true);
  assertEquals(events, ["sessions.swept"]);
});

Deno.test("startRetention() outlives a store that fails", async () => {
  const { events, log } = recordingLog();
  const store = {
    ...createMemoryStore(),
    sweep: () => Promise.reject(new StoreError("Cannot delete old sessions")),
  };
  await startRetention({ store, days: 1, log, now: Date.now })();
  assertEquals(events, ["sessions.not_swept"]);
});
