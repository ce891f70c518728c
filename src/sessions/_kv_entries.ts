/**
 * What the Deno KV store keeps under which keys, and how records become
 * entries that fit into them. Pure.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/} for the limits
 * @module
 */
import { createHash } from "node:crypto";
import { parseRecord, type SessionRecord } from "./record.ts";

/** What is known of a conversation. Written once, so its versionstamp stays. */
export interface Header {
  /** The true id; the key may be a hash. */
  id: string;
  /** The batch that it began with. */
  generation: string;
  /** When it began, in milliseconds since 1970. */
  at: number;
}

/** Records that were added together. */
export interface Entry {
  /** What they were added with. */
  batch: string;
  /** When they were added, in milliseconds since 1970. */
  at: number;
  /** How many there are. */
  count: number;
  /** They themselves, JSON Lines in UTF-8. */
  lines: Uint8Array;
}

/** The keys, all below one prefix. */
export const keys = {
  /** Holds a {@linkcode Header}. */
  session: (key: string): Deno.KvKey => ["parley", "session", key],
  /** Holds a {@linkcode Header} once more, in the order of their beginnings. */
  start: (
    ...at: [] | [at: number] | [at: number, key: string]
  ): Deno.KvKey => ["parley", "start", ...at],
  /** Holds an {@linkcode Entry}; the number is that of its first record, from 1. */
  record: (
    key: string,
    generation: string,
    ...number: [] | [number: number]
  ): Deno.KvKey => ["parley", "record", key, generation, ...number],
  /** There while a conversation's records are being deleted. */
  gone: (...path: [] | [key: string, generation: string]): Deno.KvKey => [
    "parley",
    "gone",
    ...path,
  ],
  /** Holds nothing of use. */
  probe: (name: string): Deno.KvKey => ["parley", "probe", name],
};

/**
 * Stands for an id in keys, which may have 2 KiB: the id itself where it is
 * short and plain, otherwise a hash.
 */
export function keyOf(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(id)) return id;
  // UTF-16, because half a surrogate pair has no UTF-8.
  return `~${createHash("sha256").update(id, "utf16le").digest("hex")}`;
}

/** A name for a conversation's generation by which a commit can check it. */
export function nameOf({ value, versionstamp }: Deno.KvEntry<Header>): string {
  return `${versionstamp} ${value.generation}`;
}

/** What {@linkcode nameOf} made it of. */
export function partsOf(
  name: string,
): { generation: string; versionstamp: string } {
  const end = name.indexOf(" ");
  return { versionstamp: name.slice(0, end), generation: name.slice(end + 1) };
}

/** A value may have 64 KiB; what an {@linkcode Entry} holds besides takes some 150 bytes. */
const MAX_LINES_BYTES = 64_000;

/** Puts records into as few entries as they fit into, in order. */
export function pack(
  records: readonly SessionRecord[],
  batch: string,
  at: number,
): Entry[] {
  const entries: Entry[] = [];
  let lines: Uint8Array[] = [];
  let size = 0;
  for (const record of records) {
    const line = encoder.encode(JSON.stringify(record) + "\n");
    if (size + line.length > MAX_LINES_BYTES) flush();
    lines.push(line);
    size += line.length;
  }
  flush();
  return entries;

  function flush(): void {
    const count = lines.length;
    if (count > 0) entries.push({ batch, at, count, lines: join(lines, size) });
    lines = [];
    size = 0;
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** Reads an entry's records back; nothing stands for one that can't be read. */
export function unpack(
  { count, lines }: Entry,
): (SessionRecord | undefined)[] {
  const texts = lines instanceof Uint8Array
    ? decoder.decode(lines).split("\n")
    : [];
  return Array.from({ length: count }, (_, n) => parseRecord(texts[n] ?? ""));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
