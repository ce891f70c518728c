/**
 * What every session store must do, on any engine. A store's own test file calls
 * {@linkcode testStore} and adds tests of what is special about it.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { Turn } from "../../src/sessions/session.ts";
import type { SessionStore, StoreOptions } from "../../src/sessions/store.ts";
import { testWriter } from "./writer_contract.ts";

/** A store under test. */
export interface StoreUnderTest extends AsyncDisposable {
  store: SessionStore;
  /**
   * Opens another store on the same data with nothing in memory, as after a
   * restart or in another process. Absent if the data doesn't outlive the process.
   * Closed when the test ends.
   */
  reopen?: (options?: StoreOptions) => SessionStore;
}

/** The time of every record. */
export const AT = "2026-11-21T10:00:00.000Z";

const DATA = { type: "data", key: "k", at: AT } as const;

/** The caller's words. */
export function user(turnId: string, text: string): SessionRecord {
  return { type: "user", turnId, text, at: AT };
}

/** Some of the agent's words. */
export function assistant(turnId: string, text: string): SessionRecord {
  return { type: "assistant", turnId, text, at: AT };
}

/** A turn's end. */
export function end(turnId: string): SessionRecord {
  return { type: "end", turnId, status: "complete", at: AT };
}

/** Runs the suite. */
export function testStore(
  name: string,
  make: () => Promise<StoreUnderTest>,
): void {
  function test(
    what: string,
    body: (under: StoreUnderTest) => Promise<void>,
  ): void {
    Deno.test({
      name: `${name} ${what}`,
      sanitizeOps: true,
      sanitizeResources: true,
      fn: async () => {
        await using under = await make();
        await body(under);
      },
    });
  }

  test("load() returns a conversation without turns for an unknown id", async ({ store }) => {
    const session = await store.load("nobody");
    assertEquals(session.id, "nobody");
    assertEquals(session.turns, []);
  });

  test("update() adds in order, and load() reads it back", async ({ store, reopen }) => {
    await store.update("a", () => [user("t1", "Hello")]);
    await store.update("a", () => [
      assistant("t1", "Hi "),
      assistant("t1", "there."),
      end("t1"),
    ]);
    await store.update("a", () => [user("t2", "Bye")]);
    const expected: Turn[] = [
      {
        id: "t1",
        at: AT,
        user: "Hello",
        assistant: "Hi there.",
        steps: [],
        memories: [],
        status: "complete",
      },
      { id: "t2", at: AT, user: "Bye", assistant: "", steps: [], memories: [] },
    ];
    assertEquals((await store.load("a")).turns, expected);
    if (reopen) assertEquals((await reopen().load("a")).turns, expected);
  });

  test("update() passes the change everything that came before", async ({ store }) => {
    await store.update("a", () => [user("t1", "one")]);
    let seen: number | undefined;
    const session = await store.update("a", (before) => {
      seen = before.turns.length;
      return [user("t2", "two")];
    });
    assertEquals(seen, 1);
    assertEquals(session.turns.length, 2);
  });

  test("update() makes concurrent changes one after another", async ({ store, reopen }) => {
    await Promise.all(
      Array.from({ length: 50 }, () =>
        store.update("a", (before) => [
          // Each turn is named by the number of turns before it: no number may come
          // twice.
          user(`t${before.turns.length}`, `saw ${before.turns.length}`),
        ])),
    );
    const numbers = Array.from({ length: 50 }, (_, n) => `saw ${n}`);
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.turns.map((turn) => turn.user), numbers);
  });

  test("update() makes the changes of several processes one after another", async ({ store, reopen }) => {
    if (!reopen) return;
    const writers = [store, reopen(), reopen()];
    await Promise.all(
      Array.from(
        { length: 60 },
        (_, n) =>
          writers[n % 3]?.update("a", (before) => [
            user(`t${before.turns.length}`, `saw ${before.turns.length}`),
          ]),
      ),
    );
    const numbers = Array.from({ length: 60 }, (_, n) => `saw ${n}`);
    for (const under of [...writers, reopen()]) {
      const { turns } = await under.load("a");
      assertEquals(turns.map(({ user }) => user), numbers);
    }
  });

  test("update() adds a record once when several processes try to add it", async ({ store, reopen }) => {
    const writers = reopen ? [store, reopen(), reopen()] : [store];
    await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        writers[n % writers.length]?.update(
          "a",
          (before) =>
            before.turn("t1") ? [] : [user("t1", "Once"), assistant("t1", "!")],
        )),
    );
    for (const under of [...writers, reopen?.() ?? store]) {
      const session = await under.load("a");
      assertEquals(session.turns.length, 1);
      assertEquals(session.turn("t1")?.assistant, "!");
    }
  });

  test("load() returns what another process added, deleted and began again", async ({ store, reopen }) => {
    if (!reopen) return;
    const other = reopen();
    const words = async () =>
      (await store.load("a")).turns.map(({ user }) => user);
    await other.update("a", () => [user("t1", "One")]);
    assertEquals(await words(), ["One"]);
    await other.update("a", () => [user("t2", "Two")]);
    assertEquals(await words(), ["One", "Two"]);
    assertEquals(await other.delete("a"), true);
    assertEquals(await words(), []);
    await other.update("a", () => [user("t3", "Three")]);
    assertEquals(await words(), ["Three"]);
    await other.delete("a");
    // Not loaded in between, so that memory holds a conversation that was deleted.
    await store.update("a", ({ turns }) => [user("t4", `${turns.length}`)]);
    assertEquals(await words(), ["0"]);
    assertEquals((await other.load("a")).turns.length, 1);
  });

  test("update() adds nothing when the change throws, and works afterwards", async ({ store }) => {
    await assertRejects(
      () =>
        store.update("a", () => {
          throw new RangeError("no");
        }),
      RangeError,
    );
    await store.update("a", () => []);
    assertEquals((await store.load("a")).turns, []);
    await store.update("a", () => [user("t1", "fine")]);
    assertEquals((await store.load("a")).turns.length, 1);
  });

  test("update() keeps a turn without an end as unfinished", async ({ store, reopen }) => {
    await store.update("a", () => [user("t1", "?"), assistant("t1", "Well")]);
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.turn("t1")?.assistant, "Well");
    assertEquals(session.turn("t1")?.status, undefined);
  });

  test("update() keeps notes", async ({ store, reopen }) => {
    const content = { duration: null, transcript: [{ role: "user" }] };
    await store.update("a", () => [
      { type: "note", name: "end", content, at: AT },
    ]);
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.notes.map((note) => note.content), [content]);
  });

  test("update() keeps tools' calls and results, and what they remembered", async ({ store, reopen }) => {
    const calls = [
      { id: "c1", name: "find", arguments: { city: "München", deep: [null] } },
      { id: "c2", name: "now", arguments: {} },
    ];
    const raw = {
      provider: "gemini",
      content: [{ thoughtSignature: "a+/=", functionCall: { name: "find" } }],
    };
    const found = { callId: "c1", name: "find", text: '{"found":"日本"}' };
    await store.update("a", () => [user("t1", "?"), assistant("t1", "Well. ")]);
    await store.update("a", () => [
      { type: "calls", turnId: "t1", calls, raw, at: AT },
    ]);
    await store.update("a", () => [
      { type: "result", turnId: "t1", ...found, at: AT },
      { type: "memory", turnId: "t1", text: "Likes tea.\nAnd cake.", at: AT },
      assistant("t1", "Found."),
      { type: "calls", turnId: "t1", calls: calls.slice(1), at: AT },
    ]);
    const session = await (reopen?.() ?? store).load("a");
    const [turn] = session.turns;
    assertEquals(turn?.assistant, "Well. Found.");
    assertEquals(
      turn?.steps.map(({ text, calls, raw }) => ({ text, calls, raw })),
      [
        { text: "Well. ", calls, raw },
        { text: "Found.", calls: calls.slice(1), raw: undefined },
      ],
    );
    assertEquals(
      turn?.steps.map(({ results }) =>
        results.map(({ callId, name, text }) => ({ callId, name, text }))
      ),
      [[found], []],
    );
    assertEquals(session.memories, ["Likes tea.\nAnd cake."]);
  });

  test("update() keeps a turn that is answered again without its first answer", async ({ store, reopen }) => {
    const call = { id: "c1", name: "find", arguments: {} };
    await store.update("a", () => [user("t1", "?"), assistant("t1", "Old.")]);
    await store.update("a", () => [
      { type: "calls", turnId: "t1", calls: [call], at: AT },
      { type: "again", turnId: "t1", at: AT },
      assistant("t1", "New."),
    ]);
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.turns, [
      {
        id: "t1",
        at: AT,
        user: "?",
        assistant: "New.",
        steps: [],
        memories: [],
      },
    ]);
  });

  test("update() keeps big records and every kind of text", async ({ store, reopen }) => {
    const texts = [
      "x".repeat(600_000),
      'line\nbreak\r\u2028"quote"\\',
      "日本語 עברית 👩‍👩‍👧 \u0000",
    ];
    for (const [n, text] of texts.entries()) {
      await store.update("a", () => [user(`t${n}`, text)]);
    }
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.turns.map((turn) => turn.user), texts);
  });

  test("load() returns the newest part of a conversation that is too large for memory, and reports that", async ({ reopen }) => {
    if (!reopen) return;
    const reported: string[] = [];
    const onCut = (id: string) => reported.push(id);
    const store = reopen({ maxBytes: 400_000, onCut });
    const text = "x".repeat(20_000);
    const writer = await store.open("a", () => []);
    for (let n = 0; n < 20; n++) {
      writer.add(user(`t${n}`, text));
      writer.add(end(`t${n}`));
    }
    await writer.close();
    for (let n = 20; n < 60; n++) {
      await store.update("a", () => [user(`t${n}`, text), end(`t${n}`)]);
    }
    assertEquals([...new Set(reported)], ["a"]);
    reported.length = 0;
    const other = reopen({ maxBytes: 400_000, onCut });
    for (const under of [store, other]) {
      const { turns, bytes } = await under.load("a");
      assert(bytes <= 400_000 && turns.length >= 5, `${bytes}`);
      assertEquals(turns.at(-1)?.id, "t59");
      assertEquals(turns[0]?.id, `t${60 - turns.length}`);
    }
    // Both stores still see each other's records.
    await other.update("a", () => [user("t60", "Still here")]);
    await store.update("a", ({ turns }) => [
      user("t61", `after ${turns.at(-1)?.id}`),
    ]);
    const { turns } = await other.load("a");
    assertEquals(turns.at(-1)?.user, "after t60");
    assertEquals([...new Set(reported)], ["a"]);
    // The store still holds everything.
    assertEquals((await reopen().load("a")).turns.length, 62);
    // The conversation can be deleted, and begun again.
    assertEquals(await store.delete("a"), true);
    await store.update("a", () => [user("t59", "Late"), user("new", "Anew")]);
    const anew = await other.load("a");
    assertEquals(anew.turns.map(({ user }) => user), ["Anew"]);
  });

  test("keeps conversations apart, however odd their ids", async ({ store, reopen }) => {
    const ids = [
      "abc",
      "ABC",
      "Abc",
      "..",
      ".",
      "../../etc/passwd",
      "/etc/passwd",
      "a/b",
      "a\\b",
      "a b",
      "con",
      "nul",
      "é",
      "e\u0301",
      "日本",
      "a\u0000b",
      "a\nb",
      "%2e%2e",
      "x".repeat(300),
      "x".repeat(301),
      " ",
      "*?<>|:",
      "__proto__",
      "constructor",
    ];
    for (const id of ids) {
      await store.update(id, () => [user("t", `I am ${id}`)]);
    }
    const again = reopen?.() ?? store;
    for (const id of ids) {
      const session = await again.load(id);
      assertEquals(session.turns.map((turn) => turn.user), [`I am ${id}`]);
    }
  });

  test("list() returns every conversation once, page by page, the newest first", async ({ store, reopen }) => {
    assertEquals(await store.list(), { sessions: [] });
    const ids = ["first", "Second", "../third", "4", "é", "six", "7", "eight"];
    for (const id of ids) {
      await store.update(id, () => [user("t", "Hello")]);
      // Engines store times in milliseconds at best.
      await new Promise((resolve) => setTimeout(resolve, 12));
    }
    await store.update("empty", () => []);
    await store.load("never written");
    for (const under of [store, reopen?.() ?? store]) {
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await under.list({
          limit: 3,
          ...(cursor === undefined ? {} : { cursor }),
        });
        assert(page.sessions.length <= 3);
        for (const { id, at } of page.sessions) {
          found.push(id);
          assert(!Number.isNaN(Date.parse(at)), at);
        }
        cursor = page.cursor;
      } while (cursor !== undefined);
      assertEquals(found, ids.toReversed());
      const all = await under.list({ limit: 100 });
      assertEquals(all.sessions.map(({ id }) => id), found);
      assertEquals(all.cursor, undefined);
      // An invalid cursor is no fault of the store.
      for (const wrong of ["nonsense", "-1", "é", "\u0000", "9".repeat(40)]) {
        assert(Array.isArray((await under.list({ cursor: wrong })).sessions));
      }
    }
  });

  test("delete() deletes one conversation, and the next record begins a new one", async ({ store, reopen }) => {
    for (const id of ["a", "B", "../c"]) {
      await store.update(id, () => [user("t1", "Hello"), end("t1")]);
    }
    assertEquals(await store.delete("B"), true);
    assertEquals(await store.delete("B"), false);
    assertEquals(await store.delete("nobody"), false);
    for (const under of [store, reopen?.() ?? store]) {
      assertEquals((await under.load("B")).isEmpty, true);
      const { sessions } = await under.list();
      assertEquals(sessions.map(({ id }) => id).sort(), ["../c", "a"]);
    }
    await store.update("B", () => [user("t9", "Again")]);
    const session = await (reopen?.() ?? store).load("B");
    assertEquals(session.turns.map(({ user }) => user), ["Again"]);
  });

  test("delete() drops late records until a new turn begins", async ({ store, reopen }) => {
    const note: SessionRecord = { type: "note", name: "end", at: AT };
    const data: SessionRecord = { ...DATA, turnId: "t2", reply: 1 };
    const late = [note, data, user("t1", "?"), assistant("t1", "!"), end("t1")];
    for (const id of ["a", "../B"]) {
      await store.update(id, () => [user("t1", "?"), note, end("t1")]);
      assertEquals(await store.delete(id), true);
      for (const under of [store, reopen?.() ?? store]) {
        for (const record of late) await under.update(id, () => [record]);
        const writer = await under.open(id, () => late);
        for (const record of late) writer.add(record);
        await writer.close();
        const session = await under.load(id);
        assertEquals([session.isEmpty, session.notes], [true, []]);
        // A deleted turn counts as complete, so that it is not answered again.
        const { status, assistant, user } = session.turn("t1") ?? {};
        assertEquals([status, assistant, user], ["complete", "", undefined]);
        assertEquals((await under.list()).sessions, []);
      }
      await store.update(id, () => [user("t9", "Anew"), user("t1", "?"), note]);
      await store.update(id, () => [note]);
      const session = await (reopen?.() ?? store).load(id);
      assertEquals(session.turns.map(({ user }) => user), ["Anew"]);
      assertEquals(session.notes.length, 1);
      const { sessions } = await store.list();
      assertEquals(sessions.map(({ preview }) => preview), ["Anew"]);
      assertEquals(await store.delete(id), true);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
    assert(await store.sweep(new Date()) <= 2);
    await store.update("a", () => [user("t1", "Long after")]);
    assertEquals((await store.load("a")).turns.length, 1);
  });

  test("sweep() deletes no more than a share of all, the oldest first", async ({ store, reopen }) => {
    for (const id of ["1", "2", "3", "4", "5"]) {
      await store.update(id, () => [user("t", "Hello")]);
      await new Promise((resolve) => setTimeout(resolve, 12));
    }
    const ids = async () =>
      (await (reopen?.() ?? store).list()).sessions.map(({ id }) => id);
    assertEquals(await store.sweep(new Date(), 0.4), 2);
    assertEquals(await ids(), ["5", "4", "3"]);
    assertEquals(await store.sweep(new Date(), 0.01), 1);
    assertEquals(await ids(), ["5", "4"]);
    assertEquals(await store.sweep(new Date()), 2);
  });

  test("delete() waits for the update before it", async ({ store, reopen }) => {
    const [, gone] = await Promise.all([
      store.update("a", () => [user("t1", "Hello")]),
      store.delete("a"),
    ]);
    assertEquals(gone, true);
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(session.isEmpty, true);
  });

  test("sweep() deletes conversations by the time of the last record, not of the first", async ({ store, reopen }) => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, 25));
    for (const id of ["old", "Old too", "kept"]) {
      await store.update(id, () => [user("t1", "Hello")]);
    }
    await pause();
    const before = new Date();
    await pause();
    await store.update("kept", () => [user("t2", "Still here")]);
    await store.update("new", () => [user("t1", "Hello")]);
    assertEquals(await store.sweep(before), 2);
    assertEquals(await store.sweep(before), 0);
    for (const under of [store, reopen?.() ?? store]) {
      const { sessions } = await under.list();
      assertEquals(sessions.map(({ id }) => id).sort(), ["kept", "new"]);
      assertEquals((await under.load("old")).isEmpty, true);
      assertEquals((await under.load("kept")).turns.length, 2);
    }
  });

  test("list() shows the caller's first words, and 120 characters at most", async ({ store, reopen }) => {
    const long = "👩".repeat(100_000);
    await store.update("welcome", () => [assistant("t0", "Hi."), end("t0")]);
    await store.update("welcome", () => [user("t1", "Hello"), end("t1")]);
    await store.update("welcome", () => [user("t2", "Bye")]);
    await store.update("Long", () => [user("t1", long)]);
    await store.update("silent", () => [assistant("t0", "Hi."), end("t0")]);
    for (const under of [store, reopen?.() ?? store]) {
      const { sessions } = await under.list();
      assertEquals(
        Object.fromEntries(sessions.map(({ id, preview }) => [id, preview])),
        { welcome: "Hello", Long: "👩".repeat(60), silent: undefined },
      );
    }
  });

  testWriter(test);

  test("check() resolves while it can be written", async ({ store }) => {
    await store.check();
  });
}
