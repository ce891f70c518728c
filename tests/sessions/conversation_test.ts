import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { explain } from "../../src/server/log.ts";
import { createStoreOn } from "../../src/sessions/_store.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { FakeEngine } from "./_fake_engine.ts";
import { assistant, AT, end, user } from "./contract.ts";

function test(
  what: string,
  body: (store: SessionStore, engine: FakeEngine) => Promise<void>,
): void {
  Deno.test({
    name: `createStoreOn() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const engine = new FakeEngine();
      await body(createStoreOn(engine), engine);
    },
  });
}

test(
  "writes the words of a tenth of a second together, and never writes twice at once",
  async (store, engine) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    engine.before = () => new Promise((resolve) => setTimeout(resolve, 20));
    const startedAt = performance.now();
    for (let n = 0; n < 60; n++) {
      writer.add(assistant("t1", `${n} `));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await writer.close();
    const [, ...words] = engine.writes;
    assertEquals(words.reduce((sum, count) => sum + count), 60);
    const mostWrites = (performance.now() - startedAt) / 100 + 1;
    assert(words.length <= mostWrites, `${words}`);
    assertEquals(engine.atOnce, 1);
  },
);

test("writes other records than words at once", async (store, engine) => {
  const writer = await store.open("a", () => [user("t1", "?")]);
  writer.add(assistant("t1", "One moment. "));
  const call = { id: "c", name: "find", arguments: {} };
  writer.add({ type: "calls", turnId: "t1", calls: [call], at: AT });
  // No timer has fired.
  for (let n = 0; n < 20; n++) await Promise.resolve();
  assertEquals(engine.writes, [1, 2]);
  await writer.close();
});

test("takes words without delay while a write hangs", async (store, engine) => {
  const writer = await store.open("a", () => [user("t1", "?")]);
  const hang = Promise.withResolvers<void>();
  engine.before = () => hang.promise;
  const flushed = writer.flush();
  for (let n = 0; n < 100; n++) writer.add(assistant("t1", "x"));
  assertEquals(writer.session.turn("t1")?.assistant.length, 100);
  hang.resolve();
  await flushed;
  await writer.close();
  assertEquals(engine.writes, [1, 100]);
});

test(
  "looks now and then for what others added, until the writer is closed",
  async (store, engine) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    const { reads } = engine;
    const count = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return engine.reads - reads;
    };
    const looks = await count();
    assert(looks > 0 && looks <= 3, `${looks} looks`);
    await writer.close();
    const before = engine.reads - reads;
    assertEquals(await count(), before);
  },
);

test(
  "looks one time after another, however long a write takes",
  async (store, engine) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    const hang = Promise.withResolvers<void>();
    engine.before = () => hang.promise;
    writer.add(end("t1"));
    const { reads } = engine;
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    assertEquals(engine.reads, reads);
    hang.resolve();
    await writer.flush();
    assert(engine.reads <= reads + 1, `${engine.reads - reads} looks`);
    await writer.close();
  },
);

test(
  "throws at the words after a failed write, and reads everything the next time",
  async (store, engine) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    engine.before = () => Promise.reject(new Error("No disk"));
    writer.add(assistant("t1", "Lost. "));
    await assertRejects(() => writer.flush(), Error, 'write session "a"');
    assertThrows(() => writer.add(assistant("t1", "x")), Error, "write");
    await assertRejects(() => writer.flush(), Error, "write");
    await assertRejects(() => writer.close(), Error, "write");
    const error = await assertRejects(
      () => store.update("a", () => [end("t1")]),
    );
    assertEquals(explain(error), 'Cannot write session "a" <- No disk');
    engine.before = () => Promise.resolve();
    assertEquals((await store.load("a")).turn("t1")?.assistant, "");
    await store.update("a", () => [end("t1")]);
    assertEquals((await store.load("a")).turn("t1")?.status, "complete");
  },
);

test(
  "fails no writer when an update fails that held none of its words",
  async (store, engine) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    engine.before = () => Promise.reject(new Error("No disk"));
    await assertRejects(
      () => store.update("a", () => [end("t1")]),
      Error,
      "Cannot write session",
    );
    engine.before = () => Promise.resolve();
    writer.add(assistant("t1", "Well."));
    await writer.close();
    const session = await createStoreOn(engine).load("a");
    assertEquals(session.turn("t1")?.assistant, "Well.");
  },
);

test(
  "calls a change again if another instance was first, and adds its records together",
  async (store, engine) => {
    const other = createStoreOn(engine);
    await store.update("a", () => [user("t0", "?")]);
    await other.update("a", () => [user("t1", "?")]);
    const long = "x".repeat(100_000);
    let asked = 0;
    await store.update("a", (): SessionRecord[] => {
      asked++;
      return [user("t2", long)];
    });
    assertEquals(asked, 2);
    assertEquals(engine.writes, [1, 1, 6]);
    for (const under of [store, other]) {
      const { turns } = await under.load("a");
      assertEquals(turns.map(({ id, user }) => [id, user?.length]), [
        ["t0", 1],
        ["t1", 1],
        ["t2", long.length],
      ]);
    }
  },
);
