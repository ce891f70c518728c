import { assertEquals } from "@std/assert";
import { createStoreOn } from "../../src/sessions/_store.ts";
import { Session } from "../../src/sessions/session.ts";
import { FakeEngine } from "./_fake_engine.ts";
import { user } from "./contract.ts";

const { bytes: EMPTY } = new Session("any");
/** About the size of a conversation with a few words. */
const SMALL = EMPTY + 100;

/** Makes a store, and a function that returns which of some conversations it had to read again. */
function make(cacheBytes: number) {
  const engine = new FakeEngine();
  const store = createStoreOn(engine, { cacheBytes });
  return {
    store,
    async evicted(...ids: string[]): Promise<string[]> {
      const gone: string[] = [];
      for (const id of ids) {
        const { opened } = engine;
        await store.load(id);
        if (engine.opened > opened) gone.push(id);
      }
      return gone;
    },
  };
}

Deno.test("createStoreOn() evicts the least recently used conversation, by bytes", async () => {
  const { store, evicted } = make(3 * SMALL);
  for (const id of ["a", "b", "c"]) {
    await store.update(id, () => [user("t1", "")]);
  }
  await store.load("a");
  await store.update("d", () => [user("t1", "")]);
  assertEquals(await evicted("a", "c", "d"), []);
  assertEquals(await evicted("b"), ["b"]);
});

Deno.test("createStoreOn() counts the growth of a conversation", async () => {
  const { store, evicted } = make(4 * SMALL);
  for (const id of ["a", "b", "c"]) {
    await store.update(id, () => [user("t1", "")]);
  }
  await store.update("c", () => [user("t2", "x".repeat(2 * SMALL))]);
  assertEquals(await evicted("c"), []);
  assertEquals(await evicted("a"), ["a"]);
});

Deno.test("createStoreOn() keeps a conversation with a turn under way, whatever its size", async () => {
  const { store, evicted } = make(SMALL);
  const long = "x".repeat(10 * SMALL);
  const writer = await store.open("open", () => [user("t1", long)]);
  await store.load("a");
  assertEquals(await evicted("open"), []);
  assertEquals(await evicted("a"), ["a"]);
  await writer.close();
  assertEquals(await evicted("open"), ["open"]);
});
