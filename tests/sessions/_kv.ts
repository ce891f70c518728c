/**
 * Helpers for tests of the Deno KV store: a new database for each test, and a
 * database whose commits fail on demand.
 *
 * @module
 */
import { KvLines, type RunOnKv } from "../../src/sessions/_kv_lines.ts";
import { createKvStore } from "../../src/sessions/kv.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

/** A database file, and ways to open it. What they open is closed after the test. */
export interface TestDatabase {
  path: string;
  /** The database itself. */
  kv: Deno.Kv;
  open: typeof createKvStore;
  /** Opens a store on a changed database. */
  openOn(wrap: (kv: Deno.Kv) => Deno.Kv): SessionStore;
  /** Opens a conversation's lines, without reading any. */
  lines(id: string): KvLines;
}

/** Registers a test on a new file. */
export function test(
  what: string,
  body: (place: TestDatabase) => Promise<void>,
): void {
  Deno.test({
    name: `createKvStore() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      const path = `${folder}/kv.sqlite`;
      const opened: { close(): void | Promise<void> }[] = [];
      function keep<T extends { close(): void | Promise<void> }>(it: T): T {
        opened.push(it);
        return it;
      }
      try {
        const kv = keep(await Deno.openKv(path));
        const run: RunOnKv = (step) => step(kv);
        const open: TestDatabase["open"] = (options) =>
          keep(createKvStore({ path, ...options }));
        await body({
          path,
          kv,
          open,
          openOn: (wrap) =>
            open({ openKv: async () => wrap(await Deno.openKv(path)) }),
          lines: (id) => new KvLines(id, run),
        });
      } finally {
        for (const it of opened) await it.close();
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** Makes commits fail: calls `fail` before and after each commit, with its number from 1. */
export function failing(
  fail: (
    commit: number,
    when: "before" | "after",
  ) => boolean | Promise<boolean>,
): (kv: Deno.Kv) => Deno.Kv {
  let commits = 0;
  return (kv) =>
    withMethod(kv, "atomic", () => {
      const operation = kv.atomic();
      const commit = operation.commit.bind(operation);
      operation.commit = async () => {
        const number = ++commits;
        if (await fail(number, "before")) throw new Error("Died");
        const result = await commit();
        // Deno's message when a server's answer breaks off.
        if (await fail(number, "after")) {
          throw new Error("KV Connect failed to read response body");
        }
        return result;
      };
      return operation;
    });
}

/** Does something once, after a header was read. */
export function afterHeaderRead(
  happen: () => Promise<unknown>,
): (kv: Deno.Kv) => Deno.Kv {
  let isOver = false;
  return (kv) =>
    withMethod(kv, "get", async (...key: Parameters<Deno.Kv["get"]>) => {
      const entry = await kv.get(...key);
      if (!isOver) {
        isOver = true;
        await happen();
      }
      return entry;
    });
}

function withMethod(kv: Deno.Kv, name: keyof Deno.Kv, method: unknown) {
  return new Proxy(kv, {
    get(target, property) {
      if (property === name) return method;
      const value = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Counts the keys of a database by their first part. */
export async function countKeys(kv: Deno.Kv): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { key } of kv.list({ prefix: [] })) {
    const kind = String(key[1]);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
