/**
 * Conversations in a Deno KV database: an entry for what was added together,
 * by one atomic commit that fails where somebody else was first.
 *
 * What is deleted vanishes with its header, in one commit, and is cleared away
 * after it. {@linkcode Journal.sweep} clears away what a process that died in
 * between left behind.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/transactions/}
 * @module
 */
import type { Journal, Position } from "./_journal.ts";
import type { KvDatabase } from "./_kv_database.ts";
import {
  type Entry,
  type Header,
  keyOf,
  keys,
  nameOf,
  pack,
  partsOf,
} from "./_kv_entries.ts";
import { createKvReader, type OnBadRecord } from "./_kv_reader.ts";
import type { SessionRecord } from "./record.ts";
import type { ListOptions, SessionPage } from "./store.ts";

/** Makes the engine of the Deno KV store. */
export function createKvJournal(
  database: KvDatabase,
  onBadRecord: OnBadRecord = () => {},
): Journal {
  const { run } = database;
  const { describe, read, readHeader } = createKvReader(database, onBadRecord);

  async function append(
    id: string,
    after: Position | undefined,
    records: readonly SessionRecord[],
    batch: string,
  ): Promise<Position | undefined> {
    const key = keyOf(id);
    const at = Date.now();
    const { generation, versionstamp } = after
      ? partsOf(after.generation)
      : { generation: batch, versionstamp: null };
    const first = (after?.length ?? 0) + 1;
    const length = first - 1 + records.length;
    const entries = pack(records, batch, at);
    const result = await run((kv) => {
      const commit = kv.atomic()
        .check({ key: keys.session(key), versionstamp })
        .check({
          key: keys.record(key, generation, first),
          versionstamp: null,
        });
      if (!after) {
        const header: Header = { id, generation, at };
        commit.set(keys.session(key), header);
        commit.set(keys.start(at, key), header);
      }
      let number = first;
      for (const entry of entries) {
        commit.set(keys.record(key, generation, number), entry);
        number += entry.count;
      }
      return commit.commit();
    });
    if (result.ok) {
      const name = `${result.versionstamp} ${generation}`;
      return { generation: after?.generation ?? name, length };
    }
    // It may be there all the same: the answer to it was lost.
    const [header, entry] = await run((kv) =>
      kv.getMany<[Header, Entry]>([
        keys.session(key),
        keys.record(key, generation, first),
      ])
    );
    return entry.value?.batch === batch && header.value
      ? { generation: nameOf(header), length }
      : undefined;
  }

  async function list(
    { limit, cursor: from }: { limit: number } & ListOptions,
  ): Promise<SessionPage> {
    return await run(async (kv) => {
      const headers: Header[] = [];
      let cursor = "";
      const entries = kv.list<Header>({ prefix: keys.start() }, {
        limit: limit + 1,
        batchSize: Math.min(limit + 1, 500),
        reverse: true,
        ...(from === undefined ? {} : { cursor: from }),
      });
      let isMore = false;
      for await (const { value } of entries) {
        isMore = headers.length === limit;
        if (isMore) break;
        headers.push(value);
        cursor = entries.cursor;
      }
      const sessions = await Promise.all(
        headers.map((header) => describe(kv, header)),
      );
      return { sessions, ...(isMore ? { cursor } : {}) };
    });
  }

  async function remove(id: string): Promise<boolean> {
    const key = keyOf(id);
    const header = await readHeader(key);
    return await forget(key, header) ?? await remove(id);
  }

  /**
   * Deletes a conversation.
   *
   * @param end only if it has no record of this number
   * @returns whether there was one; nothing where it has changed
   */
  async function forget(
    key: string,
    { value, versionstamp }: Deno.KvEntryMaybe<Header>,
    end?: number,
  ): Promise<boolean | undefined> {
    if (value === null) return false;
    const { generation, at } = value;
    const gone = keys.gone(key, generation);
    const token = crypto.randomUUID();
    const { ok } = await run((kv) => {
      const commit = kv.atomic()
        .check({ key: keys.session(key), versionstamp })
        .delete(keys.session(key))
        .delete(keys.start(at, key))
        .set(gone, token);
      if (end !== undefined) {
        const next = keys.record(key, generation, end);
        commit.check({ key: next, versionstamp: null });
      }
      return commit.commit();
    });
    // Not ok, and yet gone by our own doing: the answer to it was lost.
    if (!ok && (await run((kv) => kv.get(gone))).value !== token) return;
    await clear(key, generation);
    return true;
  }

  /** Deletes all records of a conversation that is gone, then the note that it is. */
  async function clear(key: string, generation: string): Promise<void> {
    const prefix = keys.record(key, generation);
    let isMore = true;
    while (isMore) {
      isMore = await run(async (kv) => {
        const limit = KEYS_AT_ONCE;
        const found = await Array.fromAsync(kv.list({ prefix }, { limit }));
        const commit = kv.atomic();
        for (const { key } of found) commit.delete(key);
        if (found.length > 0) await commit.commit();
        return found.length === limit;
      });
    }
    await run((kv) => kv.delete(keys.gone(key, generation)));
  }

  async function sweep(before: Date): Promise<number> {
    // What processes that died have left.
    for await (const { key } of walk({ prefix: keys.gone() })) {
      const [, , session, generation] = key.map(String);
      await clear(session ?? "", generation ?? "");
    }
    let count = 0;
    // One that began later can't have ended before.
    const began = { prefix: keys.start(), end: keys.start(before.getTime()) };
    for await (const start of walk<Header>(began)) {
      const key = String(start.key.at(-1));
      const { generation } = start.value;
      const prefix = keys.record(key, generation);
      const [last] = await run((kv) =>
        Array.fromAsync(kv.list<Entry>({ prefix }, { limit: 1, reverse: true }))
      );
      if (!last || last.value.at >= before.getTime()) continue;
      const header = await readHeader(key);
      if (header.value?.generation !== generation) continue;
      const end = Number(last.key.at(-1)) + last.value.count;
      if (await forget(key, header, end)) count++;
    }
    return count;
  }

  /** Every entry, a page at a time. */
  async function* walk<T>(
    selector: Deno.KvListSelector,
  ): AsyncGenerator<Deno.KvEntry<T>> {
    let cursor = "";
    do {
      const page = await run(async (kv) => {
        const limit = KEYS_AT_ONCE;
        const found = kv.list<T>(selector, { limit, cursor });
        const entries = await Array.fromAsync(found);
        return { entries, cursor: entries.length < limit ? "" : found.cursor };
      });
      yield* page.entries;
      cursor = page.cursor;
    } while (cursor !== "");
  }

  async function check(): Promise<void> {
    const key = keys.probe(crypto.randomUUID());
    await run((kv) => kv.set(key, true, { expireIn: 60_000 }));
    await run((kv) => kv.delete(key));
  }

  return {
    name: "kv",
    read,
    append,
    list: (options) =>
      list(options).catch((error) => {
        // No cursor of ours; the page after it is empty, as it is after a last one.
        if (/cursor/i.test(String(error))) return { sessions: [] };
        throw error;
      }),
    delete: remove,
    sweep,
    check,
    close: database.close,
  };
}

/** A commit may have 1,000 changes and, Deno says, 80 KiB of keys of some 170 bytes each. */
const KEYS_AT_ONCE = 100;
