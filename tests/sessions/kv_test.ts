import { assert, assertEquals } from "@std/assert";
import { type Entry, keyOf, toKeyPart } from "../../src/sessions/_kv_lines.ts";
import { createKvStore } from "../../src/sessions/kv.ts";
import type { SessionStore, StoreOptions } from "../../src/sessions/store.ts";
import { countKeys, test } from "./_kv.ts";
import { testStore, user } from "./contract.ts";

testStore("createKvStore()", async () => {
  const folder = await Deno.makeTempDir();
  const stores: SessionStore[] = [];
  function reopen(options?: StoreOptions): SessionStore {
    const path = `${folder}/kv/sessions.sqlite`;
    const store = createKvStore({ path, ...options });
    stores.push(store);
    return store;
  }
  return {
    store: reopen(),
    reopen,
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});

test("keeps texts of every size around what a value can hold", async ({ open }) => {
  const texts: string[] = [];
  for (const limit of [54_000, 64_000, 65_536, 640_000]) {
    for (const character of ["a", "é", "😀"]) {
      const bytes = new TextEncoder().encode(character).length;
      // The rest of a record takes some 80 bytes.
      for (const around of [-200, -100, -90, -80, -70, 0, 1, 200]) {
        texts.push("a".repeat(4) + character.repeat((limit + around) / bytes));
      }
    }
  }
  const store = open({ maxBytes: 100_000_000 });
  for (const [n, text] of texts.entries()) {
    await store.update("a", () => [user(`t${n}`, text)]);
  }
  const { turns } = await open({ maxBytes: 100_000_000 }).load("a");
  assertEquals(turns.length, texts.length);
  for (const [n, turn] of turns.entries()) assert(turn.user === texts[n]);
});

test("stores an update in one entry, or in as few as possible", async ({ open, kv }) => {
  const store = open();
  await store.update("a", () => [user("t1", "One"), user("t2", "Two")]);
  assertEquals(await countKeys(kv), { session: 1, start: 1, record: 1 });
  await store.update("a", () => [user("t3", "x".repeat(512 * 1024))]);
  // Seven pieces of 9,000 characters fit into one entry.
  assertEquals((await countKeys(kv)).record, 1 + 9);
  const { turns } = await open().load("a");
  assertEquals(turns.map((turn) => turn.user?.length), [3, 3, 512 * 1024]);
});

test("adds 2,000 records of one update", async ({ open, kv }) => {
  const many = Array.from({ length: 2_000 }, (_, n) => user(`t${n}`, `n ${n}`));
  const store = open();
  await store.update("a", () => many);
  await store.update("a", () => [user("last", "Bye")]);
  const { turns } = await open().load("a");
  assertEquals(turns.map(({ id }) => id), [
    ...many.map((_, n) => `t${n}`),
    "last",
  ]);
  assert(((await countKeys(kv)).record ?? 0) < 10);
});

test("reads conversations of many entries", async ({ open }) => {
  const store = open();
  for (let n = 0; n < 1_300; n += 100) {
    await store.update(
      "a",
      () => Array.from({ length: 100 }, (_, m) => user(`t${n + m}`, "x")),
    );
  }
  const { turns } = await open().load("a");
  assertEquals(turns.map(({ id }) => id), turns.map((_, n) => `t${n}`));
  assertEquals(turns.length, 1_300);
});

test("delete() leaves only the deletion, and sweep() no key at all", async ({ open, kv }) => {
  const store = open();
  for (const id of ["a", "../é", "b"]) {
    for (let n = 0; n < 250; n += 50) {
      await store.update(
        id,
        () => Array.from({ length: 50 }, (_, m) => user(`t${n + m}`, "Hello")),
      );
    }
    await store.update(id, () => [user("big", "x".repeat(600_000))]);
  }
  await store.check();
  assertEquals((await countKeys(kv)).session, 3);
  await store.delete("a");
  await store.delete("../é");
  assertEquals((await countKeys(kv)).record, 2 + 5 + 10);
  for await (const { value } of kv.list({ prefix: keyOf("record", "a") })) {
    const { lines } = value as Entry;
    assert(!new TextDecoder().decode(lines).includes("Hello"));
  }
  assertEquals(await store.sweep(new Date(Date.now() + 1_000)), 3);
  assertEquals(await countKeys(kv), {});
});

test("skips invalid records, and reports the conversation", async ({ open, kv }) => {
  const store = open();
  for (const n of ["1", "2", "3"]) {
    await store.update("a", () => [user(n, n)]);
  }
  const prefix = keyOf("record", "a");
  const [, second] = await Array.fromAsync(kv.list<Entry>({ prefix }));
  assert(second);
  const lines = new TextEncoder().encode('{"type":"user"}');
  await kv.set(second.key, { ...second.value, lines });
  const bad: string[] = [];
  const again = open({ onBadRecord: (id) => bad.push(id) });
  assertEquals((await again.load("a")).turns.map(({ id }) => id), ["1", "3"]);
  assertEquals(bad, ["a"]);
  await again.update("a", () => [user("4", "4")]);
  assertEquals((await open().load("a")).turns.length, 3);
});

test("checks in one roundtrip whether something was added", async ({ open, openOn }) => {
  const asked: string[] = [];
  const store = openOn((kv) =>
    new Proxy(kv, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          asked.push(String(name));
          return value.apply(target, given);
        };
      },
    })
  );
  await store.update("a", () => [user("t1", "One")]);
  asked.length = 0;
  assertEquals((await store.load("a")).turns.length, 1);
  assertEquals(asked, ["get"]);
  const other = open();
  await other.update("a", () => [user("t2", "Two")]);
  assertEquals((await store.load("a")).turns.length, 2);
  await other.delete("a");
  assertEquals((await store.load("a")).turns.length, 0);
});

Deno.test("toKeyPart() keeps plain ids readable and others short", () => {
  assertEquals(toKeyPart("Conv_1-a.b"), "Conv_1-a.b");
  const odd = ["", "~", " a", "a b", "é", "x".repeat(101), "\ud800", "\ud801"];
  for (const id of odd) assert(/^~[0-9a-f]{64}$/.test(toKeyPart(id)), id);
  assertEquals(new Set(odd.map(toKeyPart)).size, odd.length);
});
