import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createJournalStore,
  type Journal,
} from "../../src/sessions/_journal.ts";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { type SessionStore, StoreError } from "../../src/sessions/store.ts";
import { assistant, AT, end, user } from "./contract.ts";

/** An engine in memory that tells what it was asked, and does as it is told. */
class FakeJournal implements Journal {
  readonly name = "fake";
  /** How many records each write held. */
  readonly writes: number[] = [];
  /** The most writes that were under way at once. */
  atOnce = 0;
  reads = 0;
  /** What a write waits for. */
  before: () => Promise<void> = () => Promise.resolve();
  readonly #kept = new Map<string, { born: string; lines: string[] }>();
  #underWay = 0;

  read: Journal["read"] = (id, after) => {
    this.reads++;
    const found = this.#kept.get(id);
    if (!found) return Promise.resolve(undefined);
    const { born, lines } = found;
    const start = after?.generation === born ? after.length : 0;
    return Promise.resolve({
      position: { generation: born, length: lines.length },
      lines: lines.slice(start),
    });
  };

  append: Journal["append"] = async (id, after, lines, batch) => {
    this.atOnce = Math.max(this.atOnce, ++this.#underWay);
    try {
      await this.before();
    } finally {
      this.#underWay--;
    }
    const found = this.#kept.get(id);
    if (
      found?.born !== after?.generation ||
      found?.lines.length !== after?.length
    ) return undefined;
    const kept = found ?? { born: batch, lines: [] };
    kept.lines.push(...lines);
    this.#kept.set(id, kept);
    this.writes.push(lines.length);
    return { generation: kept.born, length: kept.lines.length };
  };

  list: Journal["list"] = () => Promise.resolve({ sessions: [] });
  delete: Journal["delete"] = (id) => Promise.resolve(this.#kept.delete(id));
  sweep: Journal["sweep"] = () => Promise.resolve(0);
  check: Journal["check"] = () => Promise.resolve();
  close: Journal["close"] = () => Promise.resolve();
}

function test(
  what: string,
  body: (store: SessionStore, journal: FakeJournal) => Promise<void>,
): void {
  Deno.test({
    name: `createJournalStore() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const journal = new FakeJournal();
      await body(createJournalStore(journal), journal);
    },
  });
}

test(
  "writes the words of a tenth of a second in one, and never two at once",
  async (store, journal) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    journal.before = () => new Promise((resolve) => setTimeout(resolve, 20));
    const startedAt = performance.now();
    for (let n = 0; n < 60; n++) {
      writer.add(assistant("t1", `${n} `));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await writer.close();
    const [, ...words] = journal.writes;
    assertEquals(words.reduce((sum, count) => sum + count), 60);
    const mostWrites = (performance.now() - startedAt) / 100 + 1;
    assert(words.length <= mostWrites, `${words}`);
    assertEquals(journal.atOnce, 1);
  },
);

test("writes all but words at once", async (store, journal) => {
  const writer = await store.open("a", () => [user("t1", "?")]);
  writer.add(assistant("t1", "One moment. "));
  const call = { id: "c", name: "find", arguments: {} };
  writer.add({ type: "calls", turnId: "t1", calls: [call], at: AT });
  // No timer has rung.
  for (let n = 0; n < 20; n++) await Promise.resolve();
  assertEquals(journal.writes, [1, 2]);
  await writer.close();
});

test("keeps no word waiting while a write hangs", async (store, journal) => {
  const writer = await store.open("a", () => [user("t1", "?")]);
  const hang = Promise.withResolvers<void>();
  journal.before = () => hang.promise;
  const flushed = writer.flush();
  for (let n = 0; n < 100; n++) writer.add(assistant("t1", "x"));
  assertEquals(writer.session.turn("t1")?.assistant.length, 100);
  hang.resolve();
  await flushed;
  await writer.close();
  assertEquals(journal.writes, [1, 100]);
});

test(
  "looks by the answer of a write where one is due",
  async (store, journal) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    const { reads } = journal;
    writer.add(assistant("t1", "x"));
    await writer.look();
    assertEquals(journal.writes, [1, 1]);
    assertEquals(journal.reads, reads);
    await writer.look();
    assertEquals(journal.reads, reads + 1);
    await writer.close();
  },
);

test(
  "throws at the words after a write that failed, and reads afresh next time",
  async (store, journal) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    journal.before = () => Promise.reject(new Error("No disk"));
    writer.add(assistant("t1", "Lost. "));
    await assertRejects(() => writer.flush(), StoreError, "No disk");
    assertThrows(() => writer.add(assistant("t1", "x")), StoreError, "No disk");
    await assertRejects(() => writer.flush(), StoreError);
    await writer.look();
    await assertRejects(() => writer.close(), StoreError);
    await assertRejects(
      () => store.update("a", () => [end("t1")]),
      StoreError,
      "No disk",
    );
    journal.before = () => Promise.resolve();
    assertEquals((await store.load("a")).turn("t1")?.assistant, "");
    await store.update("a", () => [end("t1")]);
    assertEquals((await store.load("a")).turn("t1")?.status, "complete");
  },
);

test(
  "fails no writer whose words a failed update didn't hold",
  async (store, journal) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    journal.before = () => Promise.reject(new Error("No disk"));
    await assertRejects(() => store.update("a", () => [end("t1")]), StoreError);
    journal.before = () => Promise.resolve();
    writer.add(assistant("t1", "Well."));
    await writer.close();
    const session = await createJournalStore(journal).load("a");
    assertEquals(session.turn("t1")?.assistant, "Well.");
  },
);

test(
  "asks a change again where another instance was first, but not for what is left of a long one",
  async (store, journal) => {
    const other = createJournalStore(journal);
    await store.update("a", () => [user("t0", "?")]);
    await other.update("a", () => [user("t1", "?")]);
    const long = "x".repeat(2_000_000);
    let asked = 0;
    journal.before = async () => {
      // The first part of ours is the third write.
      if (journal.writes.length !== 3) return;
      journal.before = () => Promise.resolve();
      await other.update("a", () => [user("t3", "Between")]);
    };
    await store.update("a", (): SessionRecord[] => {
      asked++;
      return [user("t2", long)];
    });
    assertEquals(asked, 2);
    for (const under of [store, other]) {
      const { turns } = await under.load("a");
      assertEquals(turns.map(({ id, user }) => [id, user?.length]), [
        ["t0", 1],
        ["t1", 1],
        ["t2", long.length],
        ["t3", 7],
      ]);
    }
  },
);
