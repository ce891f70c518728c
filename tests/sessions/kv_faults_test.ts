import { assert, assertEquals, assertRejects } from "@std/assert";
import { toLines } from "../../src/sessions/record.ts";
import { afterHeaderRead, countKeys, failing, test } from "./_kv.ts";
import { AT, user } from "./contract.ts";

const ALL = 1_000_000;

/** The keys that are left of a deleted conversation. */
const DELETED = { session: 1, start: 1, record: 1 };

function line(turnId: string, text: string) {
  return toLines(user(turnId, text));
}

test("keeps nothing of an update that fails, however long it is", async ({ open, openOn, kv }) => {
  await open().update("a", () => [user("t1", "One")]);
  const before = await countKeys(kv);
  const dying = openOn(
    failing((commit, when) => commit === 1 && when === "before"),
  );
  const big = user("t2", "x".repeat(600_000));
  await assertRejects(
    () => dying.update("a", () => [big]),
    Error,
    "Cannot write session",
  );
  assertEquals(await countKeys(kv), before);
  await open().update("a", () => [user("t3", "Three")]);
  const { turns } = await dying.load("a");
  assertEquals(turns.map(({ id }) => id), ["t1", "t3"]);
  await open().delete("a");
  assertEquals(await countKeys(kv), DELETED);
});

test("rejects more than a commit of KV can hold, and keeps nothing of it", async ({ open, kv }) => {
  const big = user("t2", "x".repeat(1024 * 1024));
  await assertRejects(
    () => open().update("a", () => [big]),
    Error,
    "Cannot write session",
  );
  assertEquals(await countKeys(kv), {});
});

test("adds the same batch once", async ({ lines, open }) => {
  for (const text of ["One", "x".repeat(50_000)]) {
    const id = `${text.length}`;
    const [ours, theirs] = [lines(id), lines(id)];
    assert(await ours.append(line("t1", text), "batch 1"));
    assert(await theirs.append(line("t1", text), "batch 1"));
    const more = [...line("t2", "Two"), ...line("t3", "Three")];
    const late = lines(id);
    await late.read(false, ALL);
    assert(await ours.append(more, "batch 2"));
    assert(await late.append(more, "batch 2"));
    assertEquals((await open().load(id)).turns.length, 3);
    // Its state may be outdated.
    assertEquals(await late.append(line("t4", "Four"), "batch 4"), false);
    assertEquals(await late.read(false, ALL), {
      which: "next",
      lines: [],
    });
    // A deleted batch doesn't come back when it is added again.
    const known = lines(id);
    await known.read(false, ALL);
    const deleted = toLines({ type: "deleted", turns: [], at: AT });
    assert(await ours.append(deleted, "batch 3"));
    assertEquals(await known.append(more, "batch 2"), false);
    assertEquals((await open().load(id)).isEmpty, true);
  }
});

test("adds and deletes once when the answer is lost", async ({ openOn, open, kv }) => {
  const store = openOn(
    failing((commit, when) => when === "after" && commit % 2 === 1),
  );
  await store.update("a", () => [user("t1", "One")]);
  await store.update("a", () => [user("t2", "x".repeat(200_000))]);
  await store.update("a", () => [user("t3", "Three")]);
  const { turns } = await open().load("a");
  assertEquals(turns.map(({ id }) => id), ["t1", "t2", "t3"]);
  assertEquals(await store.delete("a"), true);
  assertEquals(await store.delete("a"), false);
  assertEquals(await countKeys(kv), DELETED);
});

test("adds nothing, and leaves nothing, if another process was first", async ({ lines, kv }) => {
  const [one, other, third] = [lines("a"), lines("a"), lines("a")];
  assert(await one.append(line("t1", "One"), "1"));
  const big = line("t2", "x".repeat(50_000));
  assertEquals(await other.append(big, "2"), false);
  await third.read(false, ALL);
  await one.append(line("t3", "Three"), "3");
  assertEquals(await third.append(big, "4"), false);
  assertEquals(await countKeys(kv), { session: 1, start: 1, record: 2 });
});

test("delete() deletes all or nothing of a conversation that one commit can hold", async ({ open, openOn, kv }) => {
  const store = open();
  await store.update("a", () => [user("t1", "x".repeat(600_000))]);
  const before = await countKeys(kv);
  const dying = openOn(failing(() => true));
  await assertRejects(() => dying.delete("a"), Error, "Cannot write session");
  assertEquals(await countKeys(kv), before);
  assertEquals((await store.load("a")).turns.length, 1);
});

test("delete() can be repeated after a process died while it deleted a long conversation", async ({ open, openOn, kv }) => {
  const store = open();
  for (let n = 0; n < 500; n++) {
    await store.update("a", () => [user(`${n}`, "x")]);
  }
  const dying = openOn(failing((commit) => commit === 2));
  await assertRejects(() => dying.delete("a"), Error, "Cannot write session");
  // The conversation is deleted for all readers; the rest of it is deleted, too.
  assertEquals((await open().load("a")).isEmpty, true);
  assertEquals((await store.list()).sessions, []);
  await store.delete("a");
  assertEquals(await countKeys(kv), DELETED);
  assertEquals(await store.sweep(new Date(Date.now() + 1_000)), 1);
  assertEquals(await countKeys(kv), {});
  await store.update("a", () => [user("t2", "Anew")]);
  assertEquals((await open().load("a")).turns.map(({ id }) => id), ["t2"]);
});

test("load() returns no part of a conversation that is deleted meanwhile", async ({ open, openOn }) => {
  // Many entries, of which the first are deleted first.
  const many = Array.from({ length: 100 }, (_, n) => user(`t${n}`, "Old"));
  const big = [user("big", "Old".repeat(100_000))];
  let news = 0;
  for (const batches of [[many, many, many], [big], [many, big]]) {
    for (const commits of [1, 2, 3, Infinity]) {
      const store = open();
      for (const batch of batches) await store.update("a", () => batch);
      const deleting = openOn(failing((commit) => commit > commits));
      const reader = openOn(
        afterHeaderRead(() => deleting.delete("a").catch(() => {})),
      );
      assertEquals((await reader.load("a")).isEmpty, true);
      const other = openOn(afterHeaderRead(() => store.delete("a")));
      await store.update("a", () => [user(`new ${news++}`, "New")]);
      await other.update("a", ({ turns }) => [
        user(`new ${news++}`, `${turns.length}`),
      ]);
      const { turns } = await open().load("a");
      assertEquals(turns.map((turn) => turn.user), ["0"]);
      await store.delete("a");
    }
  }
});

test("sweep() keeps a conversation that is added to meanwhile", async ({ open, openOn }) => {
  const store = open();
  await store.update("a", () => [user("t1", "Old")]);
  const before = new Date(Date.now() + 1_000);
  const sweeper = openOn(
    afterHeaderRead(() => store.update("a", () => [user("t2", "New")])),
  );
  assertEquals(await sweeper.sweep(before), 0);
  assertEquals((await open().load("a")).turns.length, 2);
});

test("load() returns what is left if records are missing, and works afterwards", async ({ open, kv }) => {
  for (const id of ["t1", "t2", "t3"]) {
    await open().update("a", () => [user(id, id)]);
  }
  const entries = kv.list({ prefix: ["parley", "record"] });
  const [, second] = await Array.fromAsync(entries);
  if (second) await kv.delete(second.key);
  await open().update("a", () => [user("t4", "t4")]);
  const { turns } = await open().load("a");
  assertEquals(turns.map(({ id }) => id), ["t1", "t3", "t4"]);
});

test("opens nothing before it is used, and retries after a failure", async ({ path, open }) => {
  const folder = `${path}.d`;
  await Deno.writeTextFile(folder, "in the way");
  const store = open({ path: `${folder}/kv.sqlite` });
  await assertRejects(() => store.check(), Error, "mkdir");
  await assertRejects(
    () => store.update("a", () => [user("t", "x")]),
    Error,
    "Cannot read session",
  );
  await Deno.remove(folder);
  await store.update("a", () => [user("t1", "Hello")]);
  const { mode } = await Deno.stat(`${folder}/kv.sqlite`);
  // No other user of this machine may read callers' words.
  if (mode !== null) assertEquals(mode & 0o077, 0);
});
