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

/** One record, or a batch that is too big for entries of its own. */
export interface Entry {
  /** What it was added with. */
  batch: string;
  /** When it was added, in milliseconds since 1970. */
  at: number;
  /** How many records it holds. */
  count: number;
  /** They themselves, JSON Lines in UTF-8; or how many pieces that is cut into. */
  lines: Uint8Array | number;
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
  /** Holds a piece of an entry's lines. */
  piece: (
    path: readonly string[],
    ...number: [] | [number: number]
  ): Deno.KvKey => ["parley", "piece", ...path, ...number],
  /** Holds when pieces were begun that no entry counts on yet. */
  draft: (...path: string[]): Deno.KvKey => ["parley", "draft", ...path],
  /** There while what lies below that path is being deleted. */
  gone: (...path: string[]): Deno.KvKey => ["parley", "gone", ...path],
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

/** A value may have 64 KiB; what {@linkcode Entry} holds besides takes some 150 bytes. */
const MAX_VALUE_BYTES = 64_000;
/** A commit may have 800 KiB, 1,000 changes and, Deno says, 80 KiB of keys. */
const MAX_COMMIT_BYTES = 640_000;
/** Keys take some 170 bytes each. */
const MAX_ENTRIES = 100;
/** How many pieces one commit holds. */
export const PIECES_AT_ONCE = MAX_COMMIT_BYTES / MAX_VALUE_BYTES;
/** How many keys can be read at once. */
export const KEYS_AT_ONCE = 10;

/**
 * Turns records into entries, one each, that fit into one commit; or, where
 * they don't, into one entry whose lines are pieces, to be written before it.
 */
export function pack(
  records: readonly SessionRecord[],
  batch: string,
  at: number,
): { entries: Entry[]; pieces: Uint8Array[] } {
  const each = records.map((record) =>
    encoder.encode(JSON.stringify(record) + "\n")
  );
  const size = each.reduce((sum, { length }) => sum + length, 0);
  if (
    each.length <= MAX_ENTRIES && size <= MAX_COMMIT_BYTES &&
    each.every(({ length }) => length <= MAX_VALUE_BYTES)
  ) {
    const entries = each.map((lines) => ({ batch, at, count: 1, lines }));
    return { entries, pieces: [] };
  }
  const all = join(each);
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < all.length; start += MAX_VALUE_BYTES) {
    // A copy: of a view, KV would keep all that lies below it.
    pieces.push(all.slice(start, start + MAX_VALUE_BYTES));
  }
  const count = records.length;
  return { entries: [{ batch, at, count, lines: pieces.length }], pieces };
}

/** Reads an entry's lines back: a record each, or nothing where there is none. */
export function unpack(lines: Uint8Array): (SessionRecord | undefined)[] {
  return decoder.decode(lines).trimEnd().split("\n").map(parseRecord);
}

/** Puts pieces together. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(
    pieces.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const piece of pieces) {
    all.set(piece, offset);
    offset += piece.length;
  }
  return all;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
