/**
 * Conversations in a Deno KV database: an entry for each record, added by one
 * atomic commit that fails where somebody else was first.
 *
 * What is too big for a commit is written before it, in pieces, below a draft;
 * what is deleted vanishes with its header, in one commit, and is cleared away
 * after it. {@linkcode Journal.sweep} clears away what a process that died in
 * between left behind.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/transactions/}
 * @module
 */
import type { Journal, Position } from "./_journal.ts";
import { createKvCleaner } from "./_kv_cleaner.ts";
import type { KvDatabase } from "./_kv_database.ts";
import {
  type Entry,
  type Header,
  keyOf,
  keys,
  nameOf,
  pack,
  partsOf,
  PIECES_AT_ONCE,
} from "./_kv_entries.ts";
import { createKvReader, type OnBadRecord } from "./_kv_reader.ts";
import type { SessionRecord } from "./record.ts";
import type { ListOptions, SessionInfo, SessionPage } from "./store.ts";

/** Makes the engine of the Deno KV store. */
export function createKvJournal(
  database: KvDatabase,
  onBadRecord: OnBadRecord = () => {},
): Journal {
  const { run } = database;
  const { read, readHeader } = createKvReader(database, onBadRecord);
  const { clear, clearLeftovers, discard, walk } = createKvCleaner(database);

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
    const path = [key, generation, batch];
    const length = first - 1 + records.length;
    const { entries, pieces } = pack(records, batch, at);
    const draft = pieces.length > 0
      ? await writePieces(path, pieces, at)
      : undefined;
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
      if (draft) commit.check(draft).delete(draft.key);
      entries.forEach((entry, n) =>
        commit.set(keys.record(key, generation, first + n), entry)
      );
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
    if (entry.value?.batch === batch && header.value) {
      return { generation: nameOf(header), length };
    }
    if (draft) await discard(draft, path);
    return undefined;
  }

  /** Writes pieces on which no entry counts yet, and a draft that tells so. */
  async function writePieces(path: string[], pieces: Uint8Array[], at: number) {
    const key = keys.draft(...path);
    const first = await run((kv) => kv.set(key, at));
    for (let start = 0; start < pieces.length; start += PIECES_AT_ONCE) {
      await run((kv) => {
        const commit = kv.atomic();
        pieces.slice(start, start + PIECES_AT_ONCE).forEach((piece, n) =>
          commit.set(keys.piece(path, start + n), piece)
        );
        return commit.commit();
      });
    }
    return { key, versionstamp: first.versionstamp };
  }

  async function list(
    { limit, cursor: from }: { limit: number } & ListOptions,
  ): Promise<SessionPage> {
    return await run(async (kv) => {
      const sessions: SessionInfo[] = [];
      let cursor = "";
      const entries = kv.list<Header>({ prefix: keys.start() }, {
        limit: limit + 1,
        batchSize: Math.min(limit + 1, 500),
        reverse: true,
        ...(from === undefined ? {} : { cursor: from }),
      });
      for await (const { value: { id, at } } of entries) {
        if (sessions.length === limit) return { sessions, cursor };
        sessions.push({ id, at: new Date(at).toISOString() });
        cursor = entries.cursor;
      }
      return { sessions };
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
    await clear([key, generation]);
    return true;
  }

  async function sweep(before: Date): Promise<number> {
    await clearLeftovers();
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
