import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { explain } from "../../src/server/log.ts";
import { FileLines } from "../../src/sessions/_file_lines.ts";
import { createFileStore, pathOf } from "../../src/sessions/file.ts";
import { toLines } from "../../src/sessions/record.ts";
import { almighty } from "../_almighty.ts";
import { assistant, end, testStore, user } from "./contract.ts";

testStore("createFileStore()", async () => {
  const folder = await Deno.makeTempDir();
  return {
    store: createFileStore({ folder }),
    reopen: (options) => createFileStore({ folder, ...options }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
});

/** Reads a file synchronously. */
function contentOf(path: string): string {
  return Deno.readTextFileSync(path);
}

function test(
  what: string,
  body: (folder: string) => Promise<void>,
  ignore = false,
): void {
  Deno.test({
    name: `createFileStore() ${what}`,
    ignore,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        await body(folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

test("writes one JSON record a line, after a line that names the conversation", async (folder) => {
  const store = createFileStore({ folder });
  await store.update("Call 7", () => [user("t1", "Hello")]);
  const text = await Deno.readTextFile(pathOf(folder, "Call 7"));
  assertEquals(text.endsWith("\n"), true);
  assertEquals(text.trim().split("\n").map((line) => JSON.parse(line)), [
    { type: "session", version: 1, id: "Call 7" },
    user("t1", "Hello"),
  ]);
});

test("only ever appends to a file", async (folder) => {
  const store = createFileStore({ folder });
  let before = "";
  for (let n = 0; n < 5; n++) {
    await store.update("a", () => [user(`t${n}`, "x"), end(`t${n}`)]);
    const now = await Deno.readTextFile(pathOf(folder, "a"));
    assert(now.startsWith(before) && now.length > before.length);
    before = now;
  }
});

test("loses a torn last line only, wherever it was torn", async (folder) => {
  const store = createFileStore({ folder });
  await store.update("a", () => [user("t1", "One – 一"), end("t1")]);
  await store.update("a", () => [user("t2", "Two – 二")]);
  const whole = await Deno.readFile(pathOf(folder, "a"));
  const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1;
  for (let cut = lastLine; cut < whole.length; cut++) {
    await Deno.writeFile(pathOf(folder, "a"), whole.subarray(0, cut));
    const bad: string[] = [];
    const onBadRecord = (id: string) => bad.push(id);
    const again = createFileStore({ folder, onBadRecord });
    assertEquals((await again.load("a")).turns.map((t) => t.id), ["t1"]);
    // The next record must not be lost with the incomplete line …
    await again.update("a", () => [user("t3", "Three")]);
    assertEquals((await again.load("a")).turns.map((t) => t.id), ["t1", "t3"]);
    // … nor after another restart. A line that lacks only its newline is complete.
    const third = createFileStore({ folder, onBadRecord });
    const ids = (await third.load("a")).turns.map((t) => t.id);
    const isWhole = cut === whole.length - 1;
    assertEquals(ids, isWhole ? ["t1", "t2", "t3"] : ["t1", "t3"]);
    const isTorn = cut > lastLine && !isWhole;
    assertEquals(bad, isTorn ? ["a"] : []);
  }
});

test("skips lines that are no records, and reports the conversation", async (folder) => {
  const good = JSON.stringify(user("t1", "Hello"));
  const first = '{"type":"session","version":1,"id":"a"}';
  const bad = ["garbage", '{"type":"user"}', "null", "[]"];
  const lines = [first, ...bad, "", good, good];
  await Deno.writeTextFile(pathOf(folder, "a"), lines.join("\n") + "\n");
  const reported: string[] = [];
  const store = createFileStore({
    folder,
    onBadRecord: (id) => reported.push(id),
  });
  assertEquals((await store.load("a")).turns.length, 1);
  assertEquals(reported, ["a", "a", "a", "a"]);
  const { sessions } = await store.list();
  assertEquals(sessions.map(({ preview }) => preview), ["Hello"]);
  assertEquals(await store.delete("a"), true);
});

test("begins a new file when another process deletes the empty one that it waits for", async (folder) => {
  const path = pathOf(folder, "a");
  await Deno.writeTextFile(path, "");
  const lines = new FileLines("a", path);
  lines.read(true, 1_000);
  const other = await Deno.open(path, { read: true, append: true });
  await other.lock(true);
  const adding = lines.append(toLines(user("t1", "Hello")));
  await Deno.remove(path);
  other.close();
  assertEquals(await adding, false);
  assertEquals(lines.read(false, 1_000), { which: "next", lines: [] });
  assertEquals(await lines.append(toLines(user("t1", "Hello"))), true);
  lines.release();
  assertStringIncludes(await Deno.readTextFile(path), "Hello");
});

test("reads what another process added", async (folder) => {
  const ours = createFileStore({ folder });
  const theirs = createFileStore({ folder });
  await ours.update("a", () => [user("t1", "one")]);
  await theirs.update("a", () => [user("t2", "two")]);
  let seen: string[] = [];
  await ours.update("a", (session) => {
    seen = session.turns.map((t) => t.id);
    return [user("t3", "three")];
  });
  assertEquals(seen, ["t1", "t2"]);
  const ids = (await theirs.load("a")).turns.map((t) => t.id);
  assertEquals(ids, ["t1", "t2", "t3"]);
});

test("begins a new conversation when the file was deleted", async (folder) => {
  const store = createFileStore({ folder });
  await store.update("a", () => [user("t1", "one")]);
  await Deno.remove(pathOf(folder, "a"));
  assertEquals((await store.load("a")).turns, []);
  await store.update("a", () => [user("t2", "two")]);
  const again = await createFileStore({ folder }).load("a");
  assertEquals(again.turns.map((t) => t.id), ["t2"]);
});

test("begins a new conversation when the file was emptied", async (folder) => {
  const store = createFileStore({ folder });
  await store.update("a", () => [user("t1", "one")]);
  await Deno.writeTextFile(pathOf(folder, "a"), "");
  assertEquals((await store.load("a")).turns, []);
  await store.update("a", () => [user("t2", "two")]);
  const again = await createFileStore({ folder }).load("a");
  assertEquals(again.turns.map((t) => t.id), ["t2"]);
});

test("evicts conversations beyond its cache, and reads them again", async (folder) => {
  const store = createFileStore({ folder, cacheBytes: 4_000 });
  for (const id of ["a", "b", "c", "a"]) {
    await store.update(id, (session) => [
      user(`t${session.turns.length}`, id),
    ]);
  }
  assertEquals((await store.load("a")).turns.map((t) => t.id), ["t0", "t1"]);
});

test(
  "lists and sweeps the other files if one is not accessible, and reports that",
  async (folder) => {
    const store = createFileStore({ folder });
    for (const id of ["a", "b", "c"]) {
      await store.update(id, () => [user("t1", "Hi")]);
    }
    await Deno.chmod(pathOf(folder, "a"), 0o000);
    const { sessions } = await store.list();
    assertEquals(sessions.map(({ id }) => id).sort(), ["b", "c"]);
    await assertRejects(
      () => store.sweep(new Date(Date.now() + 60_000)),
      Error,
      "denied",
    );
    const left = await Array.fromAsync(Deno.readDir(folder));
    assertEquals(left.map(({ name }) => name), ["a.jsonl"]);
    await store.close();
  },
  almighty,
);

test("sweeps beside another process, and keeps a file that is added to meanwhile", async (folder) => {
  const stores = [createFileStore({ folder }), createFileStore({ folder })];
  for (let n = 0; n < 50; n++) {
    await stores[n % 2]?.update(`c${n}`, () => [user("t1", "Hello")]);
  }
  const counts = await Promise.all(
    stores.map((store) => store.sweep(new Date(Date.now() + 60_000))),
  );
  assertEquals(counts.reduce((sum, count) => sum + count), 50);

  await stores[0]?.update("a", () => [user("t1", "Hello")]);
  const old = new Date(Date.now() - 60_000);
  await Deno.utime(pathOf(folder, "a"), old, old);
  // Another process is about to add to the file.
  const file = await Deno.open(pathOf(folder, "a"), { append: true });
  await file.lock(true);
  const sweeping = stores[1]?.sweep(new Date(Date.now() - 30_000));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await file.write(new TextEncoder().encode("\n"));
  file.close();
  assertEquals(await sweeping, 0);
  assertEquals((await stores[1]?.load("a"))?.turns.length, 1);
});

test("makes files and folders that other users can't read", async (place) => {
  const folder = `${place}/data/sessions`;
  const store = createFileStore({ folder });
  await store.update("a", () => [assistant("t1", "secret")]);
  for (const path of [pathOf(folder, "a"), folder, `${place}/data`]) {
    const { mode } = await Deno.stat(path);
    if (mode !== null) assertEquals(mode & 0o077, 0, path);
  }
  // An existing folder keeps its permissions.
  const { mode: before } = await Deno.stat(place);
  await Deno.chmod(place, 0o755);
  await createFileStore({ folder: place }).check();
  if (before !== null) {
    assertEquals(((await Deno.stat(place)).mode ?? 0) & 0o777, 0o755);
  }
});

test("add() has each word in the file when it returns", async (folder) => {
  const store = createFileStore({ folder });
  const writer = await store.open("a", () => [user("t1", "?")]);
  for (let n = 0; n < 10; n++) {
    writer.add(assistant("t1", `word${n}`));
    assertMatch(contentOf(pathOf(folder, "a")), RegExp(`word${n}`));
  }
  await writer.close();
});

/** Counts the calls of some methods until the test ends. */
function count<T extends object>(
  on: T,
  names: readonly (keyof T & string)[],
  counts: Record<string, number>,
): Disposable {
  const originals = names.map((name) => [name, on[name]] as const);
  for (const [name, original] of originals) {
    counts[name] = 0;
    on[name] = function (this: T, ...given: unknown[]) {
      counts[name] = (counts[name] ?? 0) + 1;
      return (original as (...given: unknown[]) => unknown).apply(this, given);
    } as T[typeof name];
  }
  return {
    [Symbol.dispose]() {
      for (const [name, original] of originals) on[name] = original;
    },
  };
}

test("add() makes one write and no stat a word, and a turn makes two syncs and waits for no lock on another thread", async (folder) => {
  const counts: Record<string, number> = {};
  const { prototype } = Deno.FsFile;
  const names = ["writeSync", "statSync", "syncData", "lock"] as const;
  using _onFiles = count(prototype, names, counts);
  const onDeno = ["statSync", "lstatSync", "openSync"] as const;
  using _onDeno = count(Deno, onDeno, counts);
  const store = createFileStore({ folder });
  const writer = await store.open("a", () => [user("t1", "?")]);
  await writer.flush();
  const { writeSync: before = 0, statSync: stats } = counts;
  for (let n = 0; n < 40; n++) writer.add(assistant("t1", `word${n}`));
  assertEquals(counts.writeSync, before + 40);
  assertEquals(counts.statSync, stats);
  writer.add(end("t1"));
  await writer.close();
  assertEquals(counts.syncData, 2);
  assertEquals(counts.openSync, 1);
  // A failing call takes as long as the rest of opening a conversation.
  assertEquals(counts.lstatSync, 0);
  // Deno 2.5 always waits for a lock on another thread.
  assertEquals(counts.lock, "tryLockSync" in prototype ? 0 : 1);
});

test("add() waits for no lock that another process holds", async (folder) => {
  const store = createFileStore({ folder });
  const writer = await store.open("a", () => [user("t1", "?")]);
  using file = await Deno.open(pathOf(folder, "a"), { append: true });
  await file.lock(true);
  writer.add(assistant("t1", "Well."));
  await file.unlock();
  assertEquals(writer.session.turn("t1")?.assistant, "Well.");
  await writer.close();
});

test("add() loses nothing after an incomplete line of another process", async (folder) => {
  const bad: string[] = [];
  const store = createFileStore({
    folder,
    onBadRecord: (id) => bad.push(id),
  });
  const writer = await store.open("a", () => [user("t1", "?")]);
  for (let n = 0; n < 3; n++) {
    await Deno.writeTextFile(pathOf(folder, "a"), '{"type":"us', {
      append: true,
    });
    writer.add(assistant("t1", `${n}`));
    await writer.flush();
    writer.add(assistant("t1", "."));
  }
  await writer.close();
  assert(bad.length >= 3);
  for (const under of [store, createFileStore({ folder })]) {
    const { turns } = await under.load("a");
    assertEquals(turns.map(({ assistant }) => assistant), ["0.1.2."]);
  }
});

test("load() reads no more of a large file than may be in memory", async (folder) => {
  const line = `${JSON.stringify(user("t0", "x".repeat(50_000)))}\n`;
  await Deno.writeTextFile(pathOf(folder, "a"), line.repeat(400));
  await Deno.writeTextFile(
    pathOf(folder, "a"),
    `${JSON.stringify(user("t1", "New"))}\n`,
    { append: true },
  );
  let read = 0;
  const { readSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.readSync = function (bytes) {
    const count = readSync.call(this, bytes);
    read += count ?? 0;
    return count;
  };
  try {
    const store = createFileStore({ folder, maxBytes: 4_000_000 });
    const { turns } = await store.load("a");
    assertEquals(turns.at(-1)?.user, "New");
    assertEquals(read, 2_000_000);
    await store.update("a", () => [user("t2", "Next")]);
    assertEquals((await store.load("a")).turns.at(-1)?.user, "Next");
    assertEquals(read, 2_000_000);
  } finally {
    Deno.FsFile.prototype.readSync = readSync;
  }
});

test("delete() leaves nothing that was said on the disk, and writes through no link", async (folder) => {
  const store = createFileStore({ folder });
  await store.update("a", () => [user("t1", "Secret")]);
  await store.delete("a");
  const files = Deno.readDir(folder);
  const names = await Array.fromAsync(files, ({ name }) => name);
  assertEquals(names, ["a.jsonl"]);
  const text = await Deno.readTextFile(pathOf(folder, "a"));
  assert(!text.includes("Secret") && !text.includes("t1"), text);
  // The target of the link does not exist yet.
  await Deno.symlink(`${folder}/outside`, pathOf(folder, "b"));
  const error = await assertRejects(
    () => store.update("b", () => [user("t1", "x")]),
  );
  assertStringIncludes(explain(error), "symbolic link");
  await assertRejects(() => Deno.lstat(`${folder}/outside`));
});

test("delete() deletes what it can't read, too", async (folder) => {
  const first = '{"type":"session","version":1,"id":"a"}';
  const unknown = '{"type":"said by a newer version","text":"Secret"}';
  await Deno.writeTextFile(pathOf(folder, "a"), `${first}\n${unknown}\n`);
  const store = createFileStore({ folder });
  assertEquals((await store.list()).sessions.map(({ id }) => id), ["a"]);
  assertEquals((await store.load("a")).turns, []);
  assertEquals(await store.delete("a"), true);
  assert(!contentOf(pathOf(folder, "a")).includes("Secret"));
  assertEquals((await store.list()).sessions, []);
  assertEquals(await store.delete("a"), false);
});

test("list() reads only the beginnings of files", async (folder) => {
  const store = createFileStore({ folder });
  for (const id of ["a", "B"]) {
    await store.update(id, () => [user("t1", "Hello"), end("t1")]);
    // A bad record would be reported, if it were read.
    await Deno.writeTextFile(pathOf(folder, id), `${"x".repeat(9_000)}\n`, {
      append: true,
    });
  }
  const again = createFileStore({
    folder,
    onBadRecord: () => {
      throw new Error("Read");
    },
  });
  const { sessions } = await again.list();
  assertEquals(sessions.map(({ preview }) => preview), ["Hello", "Hello"]);
});

test("rejects with an error that says what it tried", async (folder) => {
  await Deno.writeTextFile(`${folder}/file`, "");
  const store = createFileStore({ folder: `${folder}/file/sessions` });
  await assertRejects(
    () => store.update("a", () => [user("t1", "x")]),
    Error,
    'Cannot write session "a"',
  );
  await assertRejects(() => store.check(), Error, "mkdir");
});

Deno.test("pathOf() keeps plain ids readable, and every path inside its folder", () => {
  assertEquals(pathOf("/f", "conv_1-a"), "/f/conv_1-a.jsonl");
  for (
    const id of ["../x", "..", "A", "con", "a/b", "", "\0", "x".repeat(101)]
  ) {
    const path = pathOf("/f", id);
    assertMatch(path, /^\/f\/[a-z0-9_-]*~[0-9a-f]{32}\.jsonl$/);
    assert(path.length < 100);
  }
});
