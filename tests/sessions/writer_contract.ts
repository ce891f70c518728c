/**
 * What a store's writer must do, on any engine; part of `contract.ts`.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { SessionRecord } from "../../src/sessions/record.ts";
import type { Session } from "../../src/sessions/session.ts";
import type { SessionStore } from "../../src/sessions/store.ts";
import { assistant, AT, end, type StoreUnderTest, user } from "./contract.ts";

/** The agent's words of a later attempt. */
function says(turnId: string, text: string, attempt: number): SessionRecord {
  return { ...assistant(turnId, text), attempt } as SessionRecord;
}

function again(turnId: string, attempt: number): SessionRecord {
  return { type: "again", turnId, attempt, at: AT };
}

/** What the agent said in each turn. */
function said({ turns }: Session): string[] {
  return turns.map(({ assistant }) => assistant);
}

/** Waits until another process sees something; returns how long that took, in milliseconds. */
async function until(
  store: SessionStore,
  isSeen: (session: Session) => boolean,
): Promise<number> {
  const startedAt = performance.now();
  while (!isSeen(await store.load("a"))) {
    assert(performance.now() - startedAt < 5_000, "It never came");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - startedAt;
}

/** Waits until a writer has looked for what other processes added. */
function looked(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 600));
}

/** Runs the tests of writers. */
export function testWriter(
  test: (
    what: string,
    body: (under: StoreUnderTest) => Promise<void>,
  ) => void,
): void {
  test("open() stores the records that begin a turn, and its writer all others, in order", async ({ store, reopen }) => {
    const writer = await store.open("a", () => [user("t1", "Hello")]);
    const { turns } = await (reopen?.() ?? store).load("a");
    assertEquals(turns.map(({ user }) => user), ["Hello"]);
    let all = "";
    for (let n = 0; n < 200; n++) {
      all += `${n} `;
      writer.add(assistant("t1", `${n} `));
      assertEquals(writer.session.turn("t1")?.assistant, all);
    }
    await writer.flush();
    assertEquals(said(await (reopen?.() ?? store).load("a")), [all]);
    writer.add(end("t1"));
    await writer.close();
    await writer.close();
    const session = await (reopen?.() ?? store).load("a");
    assertEquals(said(session), [all]);
    assertEquals(session.turn("t1")?.status, "complete");
    assertEquals(said(await store.load("a")), [all]);
  });

  test("open() works without records to add, and then makes no conversation", async ({ store, reopen }) => {
    const writer = await store.open("A new one", () => [], () => {
      throw new Error("There are no others");
    });
    await looked();
    assertEquals(writer.session.isEmpty, true);
    assertEquals((await store.list()).sessions, []);
    writer.add(user("t1", "Hello"));
    await writer.close();
    const session = await (reopen?.() ?? store).load("A new one");
    assertEquals(session.turns.length, 1);
  });

  test("open() rejects with the error of the change, and leaves nothing open", async ({ store }) => {
    await assertRejects(
      () =>
        store.open("a", () => {
          throw new RangeError("no");
        }),
      RangeError,
    );
    assertEquals((await store.load("a")).isEmpty, true);
  });

  test("add() has words in the store a quarter of a second later, without a flush", async ({ store, reopen }) => {
    if (!reopen) return;
    const other = reopen();
    const writer = await store.open("a", () => [user("t1", "?")]);
    await other.load("a");
    writer.add(assistant("t1", "Well."));
    const ms = await until(other, (session) => said(session)[0] === "Well.");
    // Twice that time, since the machine may be busy.
    assert(ms < 500, `${ms} ms`);
    await writer.close();
  });

  test("add() works while earlier records are being flushed", async ({ store, reopen }) => {
    const writer = await store.open("a", () => [user("t1", "?")]);
    const flushes: Promise<void>[] = [];
    for (let n = 0; n < 50; n++) {
      writer.add({ type: "memory", turnId: "t1", text: `${n}`, at: AT });
      writer.add(assistant("t1", `${n} `));
      flushes.push(writer.flush());
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(flushes);
    const session = await (reopen?.() ?? store).load("a");
    const numbers = Array.from({ length: 50 }, (_, n) => `${n}`);
    assertEquals(session.memories, numbers);
    assertEquals(said(session), [numbers.join(" ") + " "]);
    await writer.close();
  });

  test("add() stores a text of any length, and marks where it cuts", async ({ store, reopen }) => {
    const long = "日本語 👩‍👩‍👧 ".repeat(20_000);
    const writer = await store.open("a", () => [user("t1", long)]);
    writer.add(assistant("t1", long));
    writer.add({ type: "memory", turnId: "t1", text: long, at: AT });
    writer.add(end("t1"));
    await writer.close();
    const { turns: [turn] } = await (reopen?.() ?? store).load("a");
    assertEquals(turn?.user, long);
    assertEquals(turn?.assistant, long);
    assert(turn?.memories[0]?.endsWith("[cut off]"));
    assertEquals(turn?.status, "complete");
  });

  test("update() works beside a writer of the same store, whose `onOthers` is not called", async ({ store, reopen }) => {
    let calls = 0;
    const writer = await store.open(
      "a",
      () => [user("t1", "?")],
      () => ++calls > 0,
    );
    for (let n = 0; n < 10; n++) {
      writer.add(assistant("t1", `${n}`));
      await store.update("a", ({ notes }) => [
        { type: "note", name: "n", content: notes.length, at: AT },
      ]);
    }
    await looked();
    await writer.close();
    assertEquals(calls, 0);
    for (const under of [store, reopen?.() ?? store]) {
      const session = await under.load("a");
      assertEquals(said(session), ["0123456789"]);
      assertEquals(
        session.notes.map(({ content }) => content),
        Array.from({ length: 10 }, (_, n) => n),
      );
    }
  });

  test("open() twice in one store keeps both turns", async ({ store, reopen }) => {
    const one = await store.open("a", () => [user("t1", "1")]);
    const two = await store.open("a", () => [user("t2", "2")]);
    for (let n = 0; n < 20; n++) {
      one.add(assistant("t1", "1"));
      two.add(assistant("t2", "2"));
    }
    await one.close();
    two.add(assistant("t2", "!"));
    await two.close();
    for (const under of [store, reopen?.() ?? store]) {
      assertEquals(said(await under.load("a")), [
        "1".repeat(20),
        `${"2".repeat(20)}!`,
      ]);
    }
  });

  test("open() has `onOthers` called once, soon, and only for what another process added", async ({ store, reopen }) => {
    if (!reopen) return;
    const calls: number[] = [];
    const writer = await store.open(
      "a",
      () => [user("t1", "?")],
      ({ turns }) => calls.push(turns.length) > 0,
    );
    const other = reopen();
    writer.add(assistant("t1", "One. "));
    await looked();
    assertEquals(calls, []);
    await other.update("a", () => [user("t2", "!")]);
    await looked();
    await looked();
    assertEquals(calls, [2]);
    writer.add(assistant("t1", "Two."));
    await writer.close();
    assertEquals(calls, [2]);
    for (const under of [store, other, reopen()]) {
      assertEquals(said(await under.load("a")), ["One. Two.", ""]);
    }
  });

  test("add() notices what another process added, at once", async ({ store, reopen }) => {
    if (!reopen) return;
    let seen: string[] = [];
    const writer = await store.open(
      "a",
      () => [user("t1", "?")],
      ({ turns }) => {
        seen = turns.map(({ id }) => id);
        return false;
      },
    );
    await reopen().update("a", () => [user("t2", "!")]);
    writer.add(assistant("t1", "Late. "));
    await writer.flush();
    assertEquals(seen, ["t1", "t2"]);
    for (let n = 0; n < 5; n++) writer.add(assistant("t1", "Dropped"));
    await writer.close();
    for (const under of [store, reopen()]) {
      const session = await under.load("a");
      assert(!said(session).join("").includes("Dropped"));
      assertEquals(session.turns.map(({ user }) => user), ["?", "!"]);
    }
  });

  test("add() drops records after the conversation was deleted, in this or another process", async ({ store, reopen }) => {
    for (const [n, other] of [store, reopen?.() ?? store].entries()) {
      let calls = 0;
      const turnId = `t${n}`;
      const writer = await store.open(
        "a",
        () => [user(turnId, "?")],
        ({ turns }) => {
          calls++;
          assertEquals(turns, []);
          return true;
        },
      );
      writer.add(assistant(turnId, "One. "));
      await writer.flush();
      assertEquals(await other.delete("a"), true);
      writer.add(assistant(turnId, "Two. "));
      await writer.flush();
      writer.add(end(turnId));
      await looked();
      await writer.close();
      assertEquals(calls, 1);
      for (const under of [store, reopen?.() ?? store]) {
        assertEquals((await under.load("a")).isEmpty, true);
        assertEquals((await under.list()).sessions, []);
      }
      await store.update("a", () => [user(`anew${n}`, "Anew")]);
      assertEquals((await other.load("a")).turns.length, 1);
      await store.delete("a");
    }
  });

  test("open() keeps the words of two processes apart that answer the same turn", async ({ store, reopen }) => {
    if (!reopen) return;
    const other = reopen();
    const first = await store.open("a", () => [user("t1", "?")]);
    first.add(assistant("t1", "Old. "));
    await first.flush();
    const second = await other.open("a", () => [again("t1", 1)]);
    for (let n = 0; n < 10; n++) {
      first.add(assistant("t1", "Old. "));
      second.add(says("t1", "New. ", 1));
      if (n === 5) await first.flush();
    }
    first.add({ type: "memory", turnId: "t1", text: "Old", at: AT });
    first.add(end("t1"));
    await first.close();
    second.add({ ...end("t1"), attempt: 1 } as SessionRecord);
    await second.close();
    for (const under of [store, other, reopen()]) {
      const { turns } = await under.load("a");
      assertEquals(turns, [{
        id: "t1",
        at: AT,
        user: "?",
        assistant: "New. ".repeat(10),
        steps: [],
        memories: [],
        status: "complete",
        attempt: 1,
      }]);
    }
  });

  test("add() loses and doubles nothing when several processes call it at once", async ({ store, reopen }) => {
    if (!reopen) return;
    const stores = [store, reopen(), reopen()];
    const writers = await Promise.all(
      stores.map((store, n) => store.open("a", () => [user(`t${n}`, "?")])),
    );
    for (let n = 0; n < 60; n++) {
      const turnId = `t${n % 3}`;
      writers[n % 3]?.add(assistant(turnId, `${n} `));
      if (n % 7 === 0) await writers[n % 3]?.flush();
    }
    await Promise.all(writers.map((writer) => writer.close()));
    for (const under of [...stores, reopen()]) {
      const session = await under.load("a");
      for (let turn = 0; turn < 3; turn++) {
        assertEquals(
          session.turn(`t${turn}`)?.assistant,
          Array.from({ length: 20 }, (_, n) => `${3 * n + turn} `).join(""),
        );
      }
    }
  });
}
