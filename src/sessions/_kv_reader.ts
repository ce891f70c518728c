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
  join,
  keyOf,
  keys,
  KEYS_AT_ONCE,
  nameOf,
  partsOf,
  unpack,
} from "./_kv_entries.ts";
import type { SessionRecord } from "./record.ts";

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
      const lines = typeof value.lines === "number"
        ? await readPieces([key, generation, value.batch], value.lines)
        : value.lines;
      if (lines === undefined) return undefined;
      for (const record of unpack(lines)) {
        length++;
        if (record) records.push(record);
        else onBadRecord({ id, number: length });
      }
    }
    return length === 0 ? undefined : { records, length };
  }

  async function readPieces(path: string[], count: number) {
    const pieces: Uint8Array[] = [];
    while (pieces.length < count) {
      const some = Array.from(
        { length: Math.min(KEYS_AT_ONCE, count - pieces.length) },
        (_, n) => keys.piece(path, pieces.length + n),
      );
      for (const { value } of await run((kv) => kv.getMany(some))) {
        if (!(value instanceof Uint8Array)) return undefined;
        pieces.push(value);
      }
    }
    return join(pieces);
  }

  return { read, readHeader };
}
