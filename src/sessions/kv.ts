/**
 * Conversations in Deno KV: in a local file, on a `denokv` server, or in the
 * database of an app on Deno Deploy. Several instances may share one.
 *
 * What is added together is one entry, by an atomic commit that fails where
 * somebody else was first. What is deleted vanishes with its
 * header, in one commit, and its entries are cleared away after it; a sweep
 * clears away those that a process left which died in between.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { createHash } from "node:crypto";
import {
  createJournalStore,
  type Found,
  type Journal,
  type JournalOptions,
} from "./_journal.ts";
import {
  createKvDatabase,
  type KvDatabase,
  type KvDatabaseOptions,
} from "./_kv_database.ts";
import { toPreview } from "./_page.ts";
import { parseRecord } from "./record.ts";
import type { SessionInfo, SessionPage, SessionStore } from "./store.ts";

/** Which database, and how to use it. */
export interface KvStoreOptions extends KvDatabaseOptions, JournalOptions {}

/**
 * Makes a store on a Deno KV database, which is opened when it is first used.
 * Deno must run with `"unstable": ["kv"]` in `deno.json`, or `--unstable-kv`.
 */
export function createKvStore(options: KvStoreOptions = {}): SessionStore {
  return createJournalStore(
    createKvJournal(createKvDatabase(options)),
    options,
  );
}

/** What is known of a conversation. Written once, so its versionstamp stays. */
interface Header {
  /** The true id; the key may be a hash. */
  id: string;
  /** The batch that it began with. */
  generation: string;
  /** When it began, in milliseconds since 1970. */
  at: number;
}

/** Lines that were added together. */
export interface Entry {
  /** What they were added with. */
  batch: string;
  /** When they were added, in milliseconds since 1970. */
  at: number;
  /** How many there are. */
  count: number;
  /** They themselves in UTF-8, with newlines between. */
  lines: Uint8Array;
}

/**
 * A key: `session` and an id hold a {@linkcode Header}, `start`, a time and an
 * id the same once more; `record`, an id, a generation and the number of the
 * first line, from 1, hold an {@linkcode Entry}. `gone`, an id and a generation
 * are there while the entries of one that is deleted are being cleared away.
 */
export function keyOf(...path: Deno.KvKeyPart[]): Deno.KvKey {
  return ["parley", ...path];
}

/** Makes the engine of the Deno KV store. */
export function createKvJournal({ run, close }: KvDatabase): Journal {
  async function read(
    id: string,
    after?: Found["position"],
  ): Promise<Found | undefined> {
    const key = shorten(id);
    if (after) {
      const { generation, versionstamp } = partsOf(after.generation);
      const nextKey = keyOf("record", key, generation, after.length + 1);
      // One roundtrip, since turns under way ask often.
      const [header, next] = await run((kv) =>
        kv.getMany([keyOf("session", key), nextKey])
      );
      const isSame = header?.versionstamp === versionstamp;
      if (isSame && !next?.value) return { position: after, lines: [] };
    }
    while (true) {
      const header = await readHeader(key);
      if (header.value === null) return undefined;
      const generation = nameOf(header);
      const known = generation === after?.generation ? after.length : 0;
      const lines = await readLines(key, header.value.generation, known);
      // Deleted while it was read? Then that may have been a part of it only.
      const again = await readHeader(key);
      if (again.versionstamp !== header.versionstamp) continue;
      const length = known + (lines?.length ?? 0);
      if (!lines || length === 0) {
        throw new Error("some of its records are missing");
      }
      return { position: { generation, length }, lines };
    }
  }

  function readHeader(key: string): Promise<Deno.KvEntryMaybe<Header>> {
    return run((kv) => kv.get<Header>(keyOf("session", key)));
  }

  /** The lines after the first so many; nothing where some are missing. */
  async function readLines(key: string, generation: string, known: number) {
    const prefix = keyOf("record", key, generation);
    const start = keyOf("record", key, generation, known + 1);
    const entries = await run((kv) =>
      Array.fromAsync(kv.list<Entry>({ prefix, start }, { batchSize: 500 }))
    );
    const lines: string[] = [];
    for (const entry of entries) {
      if (entry.key.at(-1) !== known + lines.length + 1) return undefined;
      lines.push(...unpack(entry.value));
    }
    return lines;
  }

  /**
   * Deletes a conversation.
   *
   * @param end only if it has no line of this number
   * @returns whether there was one; nothing where it has changed
   */
  async function forget(
    key: string,
    { value, versionstamp }: Deno.KvEntryMaybe<Header>,
    end?: number,
  ): Promise<boolean | undefined> {
    if (value === null) return false;
    const { generation, at } = value;
    const gone = keyOf("gone", key, generation);
    const token = crypto.randomUUID();
    const { ok } = await run((kv) => {
      const commit = kv.atomic()
        .check({ key: keyOf("session", key), versionstamp })
        .delete(keyOf("session", key))
        .delete(keyOf("start", at, key))
        .set(gone, token);
      if (end !== undefined) {
        const next = keyOf("record", key, generation, end);
        commit.check({ key: next, versionstamp: null });
      }
      return commit.commit();
    });
    // Not ok, and yet gone by our own doing: the answer to it was lost.
    if (!ok && (await run((kv) => kv.get(gone))).value !== token) return;
    await clear(key, generation);
    return true;
  }

  /** Deletes all entries of a conversation that is gone, then the note that it is. */
  async function clear(key: string, generation: string): Promise<void> {
    for await (
      const page of pages({ prefix: keyOf("record", key, generation) })
    ) {
      await run((kv) => {
        const commit = kv.atomic();
        for (const { key } of page) commit.delete(key);
        return commit.commit();
      });
    }
    await run((kv) => kv.delete(keyOf("gone", key, generation)));
  }

  /** All entries, some at a time. */
  async function* pages<T>(
    selector: Deno.KvListSelector,
  ): AsyncGenerator<Deno.KvEntry<T>[]> {
    let cursor = "";
    do {
      const page = await run(async (kv) => {
        const found = kv.list<T>(selector, { limit: KEYS_AT_ONCE, cursor });
        const entries = await Array.fromAsync(found);
        const isLast = entries.length < KEYS_AT_ONCE;
        return { entries, cursor: isLast ? "" : found.cursor };
      });
      if (page.entries.length > 0) yield page.entries;
      cursor = page.cursor;
    } while (cursor !== "");
  }

  /** Deletes one that began at a time, if nothing was added to it since another. */
  async function forgetOld(start: Deno.KvEntry<Header>, before: number) {
    const key = String(start.key.at(-1));
    const { generation } = start.value;
    const prefix = keyOf("record", key, generation);
    const [last] = await run((kv) =>
      Array.fromAsync(kv.list<Entry>({ prefix }, { limit: 1, reverse: true }))
    );
    if (!last || last.value.at >= before) return false;
    const header = await readHeader(key);
    if (header.value?.generation !== generation) return false;
    const end = Number(last.key.at(-1)) + last.value.count;
    return await forget(key, header, end) ?? false;
  }

  return {
    name: "kv",
    read,

    async append(id, after, lines, batch) {
      const key = shorten(id);
      const at = Date.now();
      const { generation, versionstamp } = after
        ? partsOf(after.generation)
        : { generation: batch, versionstamp: null };
      const first = (after?.length ?? 0) + 1;
      const length = first - 1 + lines.length;
      const firstKey = keyOf("record", key, generation, first);
      const entry: Entry = {
        batch,
        at,
        count: lines.length,
        lines: new TextEncoder().encode(lines.join("\n")),
      };
      const result = await run((kv) => {
        const commit = kv.atomic()
          .check({ key: keyOf("session", key), versionstamp })
          .check({ key: firstKey, versionstamp: null });
        if (!after) {
          const header: Header = { id, generation, at };
          commit.set(keyOf("session", key), header).set(
            keyOf("start", at, key),
            header,
          );
        }
        return commit.set(firstKey, entry).commit();
      });
      if (result.ok) {
        const name = `${result.versionstamp} ${generation}`;
        return { generation: after?.generation ?? name, length };
      }
      // It may be there all the same: the answer to it was lost.
      const [header, found] = await run((kv) =>
        kv.getMany<[Header, Entry]>([keyOf("session", key), firstKey])
      );
      return found.value?.batch === batch && header.value
        ? { generation: nameOf(header), length }
        : undefined;
    },

    list({ limit, cursor }) {
      return run(async (kv): Promise<SessionPage> => {
        const headers = kv.list<Header>({ prefix: keyOf("start") }, {
          limit: limit + 1,
          batchSize: Math.min(limit + 1, 500),
          reverse: true,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const sessions: Promise<SessionInfo>[] = [];
        let next = "";
        for await (const { value } of headers) {
          if (sessions.length === limit) {
            return { sessions: await Promise.all(sessions), cursor: next };
          }
          sessions.push(describe(kv, value));
          next = headers.cursor;
        }
        return { sessions: await Promise.all(sessions) };
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
        for (const { key: [, , key, generation] } of page) {
          await clear(String(key), String(generation));
        }
      }
      let count = 0;
      // One that began later can't have ended before.
      const end = keyOf("start", before.getTime());
      const began = pages<Header>({ prefix: keyOf("start"), end });
      for await (const page of began) {
        for (const start of page) {
          if (await forgetOld(start, before.getTime())) count++;
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

/** What a list tells of a conversation, from its first entries. */
async function describe(
  kv: Deno.Kv,
  { id, generation, at }: Header,
): Promise<SessionInfo> {
  const prefix = keyOf("record", shorten(id), generation);
  // The caller's first words come after the welcome, if not before it.
  const first = await Array.fromAsync(kv.list<Entry>({ prefix }, { limit: 8 }));
  const lines = first.flatMap(({ value }) => unpack(value));
  return {
    id,
    at: new Date(at).toISOString(),
    ...toPreview(lines.values().map(parseRecord)),
  };
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

/** A name for a conversation's generation by which a commit can check it. */
function nameOf({ value, versionstamp }: Deno.KvEntry<Header>): string {
  return `${versionstamp} ${value.generation}`;
}

/** What {@linkcode nameOf} made it of. */
function partsOf(name: string): { generation: string; versionstamp: string } {
  const end = name.indexOf(" ");
  return { versionstamp: name.slice(0, end), generation: name.slice(end + 1) };
}

/** Reads an entry's lines back; an empty one stands for one that isn't there. */
function unpack({ count, lines }: Entry): string[] {
  const texts = lines instanceof Uint8Array
    ? new TextDecoder().decode(lines).split("\n")
    : [];
  return Array.from({ length: count }, (_, n) => texts[n] ?? "");
}
