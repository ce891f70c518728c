/**
 * What the Deno KV store keeps under which keys.
 *
 * A conversation has a header, which each commit that adds to it replaces, so
 * that a commit fails where somebody else was first.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { hash, type Lines, type News, toPreview } from "./_engine.ts";
import type { Line } from "./record.ts";

/** Runs a step on the database. It must do no harm to run it twice. */
export type RunOnKv = <T>(step: (kv: Deno.Kv) => Promise<T>) => Promise<T>;

/** What is known of a conversation. */
export interface Header {
  /** The true id; the key may be a hash. */
  id: string;
  /** The batch that it began with. */
  generation: string;
  /** When it began and was last added to, in milliseconds since 1970. */
  at: number;
  lastAt: number;
  /** How many lines there ever were, and which is the first that is left, from 1. */
  length: number;
  first?: number;
  preview?: string | undefined;
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

/**
 * A key: `session` and an id hold a {@linkcode Header}; `start`, a time and an
 * id put them in order; `record`, an id, a generation and the number of the
 * first line, from 1, hold an {@linkcode Entry}.
 */
export function keyOf(...path: Deno.KvKeyPart[]): Deno.KvKey {
  return ["parley", ...path];
}

/** One conversation's lines in Deno KV. */
export class KvLines implements Lines {
  readonly #key: string;
  #header: Header | undefined;
  /** The header's; null where there is none. */
  #versionstamp: string | null = null;

  constructor(readonly id: string, readonly run: RunOnKv) {
    this.#key = shorten(id);
  }

  async read(isAnew: boolean, maxBytes: number): Promise<News> {
    const { value, versionstamp } = await readHeader(this.run, this.#key);
    const { length = 0, first = 1 } = value ?? {};
    const isSame = !isAnew && value?.generation === this.#header?.generation;
    const known = isSame ? this.#header?.length ?? 0 : 0;
    const start = Math.max(known, first - 1);
    let lines: string[] = [];
    if (value !== null && start < length) {
      lines = await this.#readNewest(value.generation, start, maxBytes);
      // Added to, or deleted, while it was read? Then that may be a part of it.
      const now = await readHeader(this.run, this.#key);
      if (now.versionstamp !== versionstamp) return this.read(isAnew, maxBytes);
    }
    this.#header = value ?? undefined;
    this.#versionstamp = versionstamp;
    if (start + lines.length < length) return { which: "newest", lines };
    return { which: isSame && start === known ? "next" : "all", lines };
  }

  async append(
    lines: readonly Line[],
    batch: string,
    isAlone = false,
  ): Promise<boolean> {
    const { id, run } = this;
    const lastAt = Date.now();
    const before = this.#header ??
      { id, generation: batch, at: lastAt, lastAt, length: 0 };
    const { generation, at } = before;
    const header: Header = {
      ...before,
      lastAt,
      length: before.length + lines.length,
      ...isAlone ? { first: before.length + 1 } : {},
      preview: (isAlone ? undefined : before.preview) ??
        toPreview(lines.map(({ record }) => record)),
    };
    const headerKey = keyOf("session", this.#key);
    const toEntryKey = (number: number) =>
      keyOf("record", this.#key, generation, number);
    const versionstamp = this.#versionstamp;
    const result = await run((kv) => {
      const commit = kv.atomic()
        .check({ key: headerKey, versionstamp })
        .set(headerKey, header);
      let number = before.length + 1;
      for (const entry of toEntries(lines, batch)) {
        commit.set(toEntryKey(number), entry);
        number += entry.count;
      }
      if (before.length === 0) commit.set(keyOf("start", at, this.#key), true);
      return commit.commit();
    });
    if (!result.ok) {
      // It may be there all the same: the answer to it was lost.
      const { value } = await run((kv) =>
        kv.get<Entry>(toEntryKey(before.length + 1))
      );
      if (value?.batch !== batch) return false;
    }
    this.#header = header;
    this.#versionstamp = result.ok ? result.versionstamp : UNKNOWN;
    // Nobody reads any more what comes before.
    const end = toEntryKey(before.length + 1);
    if (isAlone) await purge(run, this.#key, { end });
    return true;
  }

  /** The newest lines after those that are known, as many as there is room for. */
  async #readNewest(
    generation: string,
    known: number,
    maxBytes: number,
  ): Promise<string[]> {
    const prefix = keyOf("record", this.#key, generation);
    return await this.run(async (kv) => {
      const found: string[][] = [];
      let bytes = 0;
      const entries = kv.list<Entry>(
        { prefix, start: [...prefix, known + 1] },
        { batchSize: 500, reverse: true },
      );
      for await (const { value } of entries) {
        bytes += value.lines.length;
        if (bytes > maxBytes) break;
        found.push(new TextDecoder().decode(value.lines).split("\n"));
      }
      return found.reverse().flat();
    });
  }
}

/** A value may have 64 KiB with what KV adds; one line always fits. */
const MAX_ENTRY_BYTES = 64_000;

/** Makes as few entries of lines as hold them. */
function toEntries(lines: readonly Line[], batch: string): Entry[] {
  const encoder = new TextEncoder();
  const groups: string[][] = [[]];
  let bytes = 0;
  for (const { json } of lines) {
    const size = encoder.encode(json).length + 1;
    bytes += size;
    if (bytes > MAX_ENTRY_BYTES) {
      groups.push([]);
      bytes = size;
    }
    groups.at(-1)?.push(json);
  }
  return groups.map((texts) => ({
    batch,
    count: texts.length,
    lines: encoder.encode(texts.join("\n")),
  }));
}

/** A versionstamp that nothing has, so that a commit which checks it fails. */
const UNKNOWN = "0".repeat(20);

/** Reads what is known of a conversation by its key. */
export function readHeader(
  run: RunOnKv,
  key: string,
): Promise<Deno.KvEntryMaybe<Header>> {
  return run((kv) => kv.get<Header>(keyOf("session", key)));
}

/**
 * Deletes all of a conversation unless it is added to meanwhile: its entries,
 * and then its header. One that is so long that it takes several commits can't
 * be read meanwhile; where a process dies between them, the next sweep goes on.
 */
export async function forget(
  run: RunOnKv,
  key: string,
  { value, versionstamp }: Deno.KvEntryMaybe<Header>,
): Promise<boolean> {
  const headerKey = keyOf("session", key);
  const check = { key: headerKey, versionstamp };
  if (!await purge(run, key, { check })) return false;
  const { ok } = await run((kv) =>
    kv.atomic().check(check).delete(headerKey)
      .delete(keyOf("start", value?.at ?? 0, key)).commit()
  );
  return ok;
}

/** Deletes a conversation's entries: those before a key, and as long as a check holds. */
async function purge(
  run: RunOnKv,
  key: string,
  { end, check }: { end?: Deno.KvKey; check?: Deno.AtomicCheck },
): Promise<boolean> {
  for await (const page of pages(run, keyOf("record", key), end)) {
    const { ok } = await run((kv) => {
      const commit = kv.atomic();
      if (check) commit.check(check);
      for (const entry of page) commit.delete(entry);
      return commit.commit();
    });
    if (!ok) return false;
  }
  return true;
}

/** A commit may have 1,000 changes and, Deno says, 80 KiB of keys of some 170 bytes each. */
const KEYS_AT_ONCE = 400;

/** All keys with a prefix, as many at a time as one commit may delete; the last time fewer. */
export async function* pages(
  run: RunOnKv,
  prefix: Deno.KvKey,
  end?: Deno.KvKey,
): AsyncGenerator<Deno.KvKey[]> {
  let cursor = "";
  let isMore = true;
  while (isMore) {
    const page = await run(async (kv) => {
      const selector = end ? { prefix, end } : { prefix };
      const options = { limit: KEYS_AT_ONCE, cursor, batchSize: KEYS_AT_ONCE };
      const entries = kv.list(selector, options);
      const keys = await Array.fromAsync(entries, ({ key }) => key);
      return { keys, cursor: entries.cursor };
    });
    isMore = page.keys.length === KEYS_AT_ONCE;
    cursor = page.cursor;
    yield page.keys;
  }
}

/**
 * Stands for an id in keys, which may have 2 KiB: the id itself where it is
 * short and plain, otherwise a hash.
 */
export function shorten(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(id)) return id;
  // UTF-16, because half a surrogate pair has no UTF-8.
  return `~${hash(id, "utf16le")}`;
}
