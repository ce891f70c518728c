/**
 * Reads conversations out of a Deno KV database.
 *
 * @module
 */
import type { Position } from "./_journal.ts";
import type { KvDatabase } from "./_kv_database.ts";
import {
  type Entry,
  type Header,
  keyOf,
  keys,
  nameOf,
  partsOf,
  unpack,
} from "./_kv_entries.ts";
import { toPreview } from "./_page.ts";
import type { SessionRecord } from "./record.ts";
import type { SessionInfo } from "./store.ts";

/** Told of each record that can't be read. */
export type OnBadRecord = (record: { id: string; number: number }) => void;

/** Makes the functions that read. */
export function createKvReader({ run }: KvDatabase, onBadRecord: OnBadRecord) {
  /** As the journal's. */
  async function read(id: string, after?: Position) {
    const key = keyOf(id);
    if (after && await isCurrent(key, after)) {
      return { position: after, records: [] };
    }
    while (true) {
      const header = await readHeader(key);
      if (header.value === null) return undefined;
      const generation = nameOf(header);
      const known = generation === after?.generation ? after.length : 0;
      const found = await readRecords(id, header.value, known);
      const position = { generation, length: found?.length ?? known };
      // Deleted while it was read? Then that may have been a part of it only.
      const again = await readHeader(key);
      if (again.versionstamp === header.versionstamp) {
        if (!found) throw new Error("some of its records are missing");
        return { position, records: found.records };
      }
    }
  }

  /** Whether nothing was added: one roundtrip, since turns under way ask often. */
  async function isCurrent(
    key: string,
    { generation: name, length }: Position,
  ) {
    const { generation, versionstamp } = partsOf(name);
    const [header, next] = await run((kv) =>
      kv.getMany([
        keys.session(key),
        keys.record(key, generation, length + 1),
      ])
    );
    return header?.versionstamp === versionstamp && next?.versionstamp === null;
  }

  function readHeader(key: string): Promise<Deno.KvEntryMaybe<Header>> {
    return run((kv) => kv.get<Header>(keys.session(key)));
  }

  /** Reads the records after the first so many; nothing where some are missing. */
  async function readRecords(id: string, header: Header, known: number) {
    const key = keyOf(id);
    const { generation } = header;
    const prefix = keys.record(key, generation);
    const entries = await run((kv) =>
      Array.fromAsync(kv.list<Entry>(
        { prefix, start: keys.record(key, generation, known + 1) },
        { batchSize: 500 },
      ))
    );
    const records: SessionRecord[] = [];
    let length = known;
    for (const { key: [, , , , number], value } of entries) {
      if (number !== length + 1) return undefined;
      for (const record of unpack(value)) {
        length++;
        if (record) records.push(record);
        else onBadRecord({ id, number: length });
      }
    }
    return length === 0 ? undefined : { records, length };
  }

  /** What a list tells of a conversation, from its first entries. */
  async function describe(
    kv: Deno.Kv,
    { id, generation, at }: Header,
  ): Promise<SessionInfo> {
    const prefix = keys.record(keyOf(id), generation);
    const first = await Array.fromAsync(
      kv.list<Entry>({ prefix }, { limit: FIRST_ENTRIES }),
    );
    return {
      id,
      at: new Date(at).toISOString(),
      ...toPreview(first.flatMap(({ value }) => unpack(value))),
    };
  }

  return { describe, read, readHeader };
}

/** The caller's first words come after the welcome, if not before it. */
const FIRST_ENTRIES = 8;
