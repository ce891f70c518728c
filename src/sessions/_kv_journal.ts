/**
 * What the Deno KV store keeps under which keys.
 *
 * A conversation has a header, which each commit that adds to it replaces, so
 * that one fails where somebody else was first. What is deleted vanishes with
 * its header; its entries are cleared away after it. A sweep clears away those
 * that a process left which died in between.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { createHash } from "node:crypto";
import type { Journal, Position } from "./_journal.ts";
import { toPreview } from "./_page.ts";
import type { KvDatabase } from "./kv.ts";
import { parseRecord } from "./record.ts";
import type { SessionInfo, SessionPage } from "./store.ts";

/** What is known of a conversation. */
interface Header {
  /** The true id; the key may be a hash. */
  id: string;
  /** The batch that it began with. */
  generation: string;
  /** When it began and was last added to, in milliseconds since 1970. */
  at: number;
  lastAt: number;
  /** How many lines there are. */
  length: number;
  preview?: string;
}

/** Lines that were added together. */
export interface Entry {
  /** What they were added with. */
  batch: string;
  /** How many there are. */
  count: number;
  /** They themselves in UTF-8, with newlines between. */
  lines: Uint8Array;
}

/** A position, and the header that a commit after it replaces. */
interface KvPosition extends Position {
  header: Header;
  /** Absent: the header is another one already. */
  versionstamp: string | null;
}

/**
 * A key: `session` and an id hold a {@linkcode Header}; `start`, a time and an
 * id put them in order; `record`, an id, a generation and the number of the
 * first line, from 1, hold an {@linkcode Entry}. `gone`, an id and a generation
 * are there while the entries of one that is deleted are being cleared away.
 */
export function keyOf(...path: Deno.KvKeyPart[]): Deno.KvKey {
  return ["parley", ...path];
}

/** Makes the engine of the Deno KV store. */
export function createKvJournal(
  { run, close }: KvDatabase,
): Journal<KvPosition> {
  function readHeader(key: string): Promise<Deno.KvEntryMaybe<Header>> {
    return run((kv) => kv.get<Header>(keyOf("session", key)));
  }

  /** Deletes a conversation. Says whether there was one; nothing where it was added to meanwhile. */
  async function forget(
    key: string,
    { value, versionstamp }: Deno.KvEntryMaybe<Header>,
  ): Promise<boolean | undefined> {
    if (value === null) return false;
    const { generation, at } = value;
    const { ok } = await run((kv) =>
      kv.atomic()
        .check({ key: keyOf("session", key), versionstamp })
        .delete(keyOf("session", key))
        .delete(keyOf("start", at, key))
        .set(keyOf("gone", key, generation), true)
        .commit()
    );
    // Not ok, and yet gone: the answer to it was lost.
    const isThere = !ok &&
      (await readHeader(key)).value?.generation === generation;
    if (isThere) return undefined;
    await clear(key, generation);
    return true;
  }

  /** Deletes all entries of a conversation that is gone, then the note that it is. */
  async function clear(key: string, generation: string): Promise<void> {
    const prefix = keyOf("record", key, generation);
    for await (const page of pages({ prefix })) {
      await run((kv) => {
        const commit = kv.atomic();
        for (const key of page) commit.delete(key);
        return commit.commit();
      });
    }
    await run((kv) => kv.delete(keyOf("gone", key, generation)));
  }

  /** All keys, some at a time. */
  async function* pages(
    selector: Deno.KvListSelector,
  ): AsyncGenerator<Deno.KvKey[]> {
    let cursor = "";
    let isMore = true;
    while (isMore) {
      const found = await run(async (kv) => {
        const limit = KEYS_AT_ONCE;
        const entries = kv.list(selector, { limit, cursor });
        const keys = await Array.fromAsync(entries, ({ key }) => key);
        return { keys, cursor: entries.cursor };
      });
      isMore = found.keys.length === KEYS_AT_ONCE;
      cursor = found.cursor;
      yield found.keys;
    }
  }

  return {
    name: "kv",

    async read(id, after) {
      const key = shorten(id);
      while (true) {
        const { value: header, versionstamp } = await readHeader(key);
        if (header === null) return undefined;
        const { generation, length } = header;
        const position = { generation, length, header, versionstamp };
        const known = generation === after?.generation ? after.length : 0;
        if (known >= length) return { position, lines: [] };
        const prefix = keyOf("record", key, generation);
        const start = keyOf("record", key, generation, known + 1);
        const entries = await run((kv) =>
          Array.fromAsync(kv.list<Entry>({ prefix, start }, { batchSize: 500 }))
        );
        const lines = entries.flatMap(({ value }) => unpack(value));
        // Added to, or deleted, while it was read? Then that may be a part of it.
        const again = await readHeader(key);
        if (again.versionstamp !== versionstamp) continue;
        if (known + lines.length === length) return { position, lines };
        throw new Error("some of its records are missing");
      }
    },

    async append(id, after, lines, batch) {
      const key = shorten(id);
      const lastAt = Date.now();
      const before: Header = after?.header ??
        { id, generation: batch, at: lastAt, lastAt, length: 0 };
      const { generation, at, preview } = before;
      const length = before.length + lines.length;
      const header: Header = {
        ...before,
        lastAt,
        length,
        ...(preview ? {} : toPreview(lines.values().map(parseRecord))),
      };
      const entry: Entry = {
        batch,
        count: lines.length,
        lines: new TextEncoder().encode(lines.join("\n")),
      };
      const headerKey = keyOf("session", key);
      const entryKey = keyOf("record", key, generation, before.length + 1);
      const result = await run((kv) => {
        const commit = kv.atomic()
          .check({ key: headerKey, versionstamp: after?.versionstamp ?? null })
          .set(headerKey, header)
          .set(entryKey, entry);
        if (!after) commit.set(keyOf("start", at, key), true);
        return commit.commit();
      });
      if (result.ok) {
        const { versionstamp } = result;
        return { generation, length, header, versionstamp };
      }
      // It may be there all the same: the answer to it was lost.
      const [{ value, versionstamp }, found] = await run((kv) =>
        kv.getMany<[Header, Entry]>([headerKey, entryKey])
      );
      if (found.value?.batch !== batch || !value) return undefined;
      const isLast = value.length === length;
      return {
        generation,
        length,
        header: value,
        versionstamp: isLast ? versionstamp : null,
      };
    },

    list({ limit, cursor }) {
      return run(async (kv): Promise<SessionPage> => {
        const starts = kv.list({ prefix: keyOf("start") }, {
          limit: limit + 1,
          batchSize: Math.min(limit + 1, 500),
          reverse: true,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const infos: Promise<SessionInfo[]>[] = [];
        let next: string | undefined;
        let last = "";
        for await (const { key } of starts) {
          if (infos.length === limit) next = last;
          else infos.push(describe(kv, String(key.at(-1))));
          last = starts.cursor;
        }
        const sessions = (await Promise.all(infos)).flat();
        return { sessions, ...(next === undefined ? {} : { cursor: next }) };
      }).catch((error) => {
        // No cursor of ours; the page after it is empty, as it is after a last one.
        if (/cursor/i.test(String(error))) return { sessions: [] };
        throw error;
      });
    },

    async delete(id) {
      const key = shorten(id);
      let wasThere: boolean | undefined;
      while (wasThere === undefined) {
        wasThere = await forget(key, await readHeader(key));
      }
      return wasThere;
    },

    async sweep(before) {
      // What processes that died have left.
      for await (const page of pages({ prefix: keyOf("gone") })) {
        for (const [, , key, generation] of page) {
          await clear(String(key), String(generation));
        }
      }
      let count = 0;
      const end = keyOf("start", before.getTime());
      // One that began later can't have ended before.
      for await (const page of pages({ prefix: keyOf("start"), end })) {
        for (const start of page) {
          const key = String(start.at(-1));
          const header = await readHeader(key);
          const isOld = header.value && header.value.lastAt < before.getTime();
          if (isOld && await forget(key, header)) count++;
        }
      }
      return count;
    },

    async check() {
      const key = keyOf("probe", crypto.randomUUID());
      await run((kv) => kv.set(key, true, { expireIn: 60_000 }));
      await run((kv) => kv.delete(key));
    },

    close,
  };
}

/** A commit may have 1,000 changes and, Deno says, 80 KiB of keys of some 170 bytes each. */
const KEYS_AT_ONCE = 100;

/** What a list tells of a conversation; nothing when it is gone. */
async function describe(kv: Deno.Kv, key: string): Promise<SessionInfo[]> {
  const { value } = await kv.get<Header>(keyOf("session", key));
  if (value === null) return [];
  const { id, at, preview } = value;
  const info = { id, at: new Date(at).toISOString() };
  return [preview === undefined ? info : { ...info, preview }];
}

/**
 * Stands for an id in keys, which may have 2 KiB: the id itself where it is
 * short and plain, otherwise a hash.
 */
export function shorten(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(id)) return id;
  // UTF-16, because half a surrogate pair has no UTF-8.
  return `~${createHash("sha256").update(id, "utf16le").digest("hex")}`;
}

/** Reads an entry's lines back; an empty one stands for one that isn't there. */
function unpack({ count, lines }: Entry): string[] {
  const texts = lines instanceof Uint8Array
    ? new TextDecoder().decode(lines).split("\n")
    : [];
  return Array.from({ length: count }, (_, n) => texts[n] ?? "");
}
