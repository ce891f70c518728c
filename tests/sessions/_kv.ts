/**
 * What the tests of the Deno KV store stand on: a database of their own, and
 * one whose commits fail when they are told to.
 *
 * @module
 */
import { KvLines, type RunOnKv } from "../../src/sessions/_kv_lines.ts";
import { createKvStore } from "../../src/sessions/kv.ts";
import type { SessionStore } from "../../src/sessions/store.ts";

/** What a test is given: a file, and ways to open it that are closed after it. */
export interface Place {
  path: string;
  /** The database itself. */
  kv: Deno.Kv;
  open: typeof createKvStore;
  /** A store on what is made of the database. */
  openOn(wrap: (kv: Deno.Kv) => Deno.Kv): SessionStore;
  /** A conversation's lines, of which nothing was read yet. */
  lines(id: string): KvLines;
}

/** Registers a test on a file of its own. */
export function test(
  what: string,
  body: (place: Place) => Promise<void>,
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
        const open: Place["open"] = (options) =>
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

/** Makes commits fail: `fail` is asked before and after each, counted from 1. */
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
        // As Deno says it when a server's answer breaks off.
        if (await fail(number, "after")) {
          throw new Error("KV Connect failed to read response body");
        }
        return result;
      };
      return operation;
    });
}

/** Lets something happen after a header was read, once. */
export function meanwhile(
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

/** What the keys of a database begin with, and how many do. */
export async function census(kv: Deno.Kv): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { key } of kv.list({ prefix: [] })) {
    const kind = String(key[1]);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
