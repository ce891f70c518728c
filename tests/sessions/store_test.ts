import { assertEquals } from "@std/assert";
import { createStoreOn } from "../../src/sessions/_store.ts";
import { Session } from "../../src/sessions/session.ts";
import { FakeEngine } from "./_fake_engine.ts";
import { user } from "./contract.ts";

const { bytes: EMPTY } = new Session("any");
/** With a few words in it. */
const SMALL = EMPTY + 100;

/** A store, and a look at which of some conversations it had to read again. */
function make(cacheBytes: number) {
  const engine = new FakeEngine();
  const store = createStoreOn(engine, { cacheBytes });
  return {
    store,
    async forgotten(...ids: string[]): Promise<string[]> {
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

Deno.test("createStoreOn() forgets what was used the longest ago, by bytes", async () => {
  const { store, forgotten } = make(3 * SMALL);
  for (const id of ["a", "b", "c"]) {
    await store.update(id, () => [user("t1", "")]);
  }
  await store.load("a");
  await store.update("d", () => [user("t1", "")]);
  assertEquals(await forgotten("a", "c", "d"), []);
  assertEquals(await forgotten("b"), ["b"]);
});

Deno.test("createStoreOn() counts what a conversation has grown by", async () => {
  const { store, forgotten } = make(4 * SMALL);
  for (const id of ["a", "b", "c"]) {
    await store.update(id, () => [user("t1", "")]);
  }
  await store.update("c", () => [user("t2", "x".repeat(2 * SMALL))]);
  assertEquals(await forgotten("c"), []);
  assertEquals(await forgotten("a"), ["a"]);
});

Deno.test("createStoreOn() keeps what a turn is at work on, however much it is", async () => {
  const { store, forgotten } = make(SMALL);
  const long = "x".repeat(10 * SMALL);
  const writer = await store.open("open", () => [user("t1", long)]);
  await store.load("a");
  assertEquals(await forgotten("open"), []);
  assertEquals(await forgotten("a"), ["a"]);
  await writer.close();
  assertEquals(await forgotten("open"), ["open"]);
});
