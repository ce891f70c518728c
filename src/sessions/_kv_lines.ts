/**
 * What the Deno KV store keeps under which keys.
 *
 * A conversation has a header, which each commit that adds to it replaces, so
 * that a commit fails where somebody else was first. What is deleted vanishes
 * with its header, and its entries are cleared away after it.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { createHash } from "node:crypto";
import type { Lines, News } from "./_engine.ts";
import type { Line } from "./fit.ts";
import { toPreview } from "./_page.ts";

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

/**
 * A key: `session` and an id hold a {@linkcode Header}; `start`, a time and an
 * id put them in order; `record`, an id, a generation and the number of the
 * first line, from 1, hold an {@linkcode Entry}. `gone`, an id and a generation
 * are there while the entries of one that is deleted are being cleared away, so
 * that a sweep finds those that a process left which died meanwhile.
 */
export function keyOf(...path: Deno.KvKeyPart[]): Deno.KvKey {
  return ["parley", ...path];
}

/** One conversation's lines in Deno KV. */
export class KvLines implements Lines {
  readonly #key: string;
  #header: Header | undefined;
  /** Null, which no header has: the one that is kept isn't known. */
  #versionstamp: string | null = null;

  constructor(readonly id: string, readonly run: RunOnKv) {
    this.#key = shorten(id);
  }

  get generation(): string | undefined {
    return this.#header?.generation;
  }

  async read(isAll = false): Promise<News> {
    while (true) {
      const { value, versionstamp } = await this.#readHeader();
      const known = isAll ? undefined : this.#header;
      const isSame = value !== null && value.generation === known?.generation &&
        value.length >= known.length;
      const start = isSame ? known.length : 0;
      const length = value?.length ?? 0;
      const lines = value && start < length
        ? await this.#readEntries(value.generation, start)
        : [];
      // Added to, or deleted, while it was read? Then that may be a part of it.
      const isWhole = start === length ||
        (await this.#readHeader()).versionstamp === versionstamp;
      if (!isWhole) continue;
      if (start + lines.length !== length) {
        throw new Error("some of its records are missing");
      }
      this.#header = value ?? undefined;
      this.#versionstamp = versionstamp;
      return { start, lines };
    }
  }

  async append(lines: readonly Line[], batch: string): Promise<boolean> {
    const { id } = this;
    const lastAt = Date.now();
    const before = this.#header ??
      { id, generation: batch, at: lastAt, lastAt, length: 0 };
    const { generation, at, preview } = before;
    const header: Header = {
      ...before,
      lastAt,
      length: before.length + lines.length,
      ...(preview ? {} : toPreview(lines.map(({ record }) => record))),
    };
    const text = lines.map(({ json }) => json).join("\n");
    const count = lines.length;
    const entry = { batch, count, lines: new TextEncoder().encode(text) };
    const headerKey = keyOf("session", this.#key);
    const entryKey = keyOf("record", this.#key, generation, before.length + 1);
    const versionstamp = this.#versionstamp;
    const result = await this.run((kv) => {
      const commit = kv.atomic()
        .check({ key: headerKey, versionstamp })
        .set(headerKey, header)
        .set(entryKey, entry);
      if (before.length === 0) commit.set(keyOf("start", at, this.#key), true);
      return commit.commit();
    });
    if (!result.ok) {
      // It may be there all the same: the answer to it was lost.
      const { value } = await this.run((kv) => kv.get<Entry>(entryKey));
      if (value?.batch !== batch) return false;
    }
    this.#header = header;
    this.#versionstamp = result.ok ? result.versionstamp : UNKNOWN;
    return true;
  }

  async delete(): Promise<boolean> {
    while (true) {
      const found = await this.#readHeader();
      const wasThere = await forget(this.run, this.#key, found);
      if (wasThere === undefined) continue;
      this.#header = undefined;
      this.#versionstamp = null;
      return wasThere;
    }
  }

  #readHeader(): Promise<Deno.KvEntryMaybe<Header>> {
    return readHeader(this.run, this.#key);
  }

  async #readEntries(generation: string, known: number): Promise<string[]> {
    const prefix = keyOf("record", this.#key, generation);
    const start = keyOf("record", this.#key, generation, known + 1);
    const entries = await this.run((kv) =>
      Array.fromAsync(kv.list<Entry>({ prefix, start }, { batchSize: 500 }))
    );
    return entries.flatMap(({ value }) =>
      new TextDecoder().decode(value.lines).split("\n")
    );
  }
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

/** Deletes a conversation. Says whether there was one; nothing where it was added to meanwhile. */
export async function forget(
  run: RunOnKv,
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
    (await readHeader(run, key)).value?.generation === generation;
  if (isThere) return undefined;
  await clear(run, key, generation);
  return true;
}

/** Deletes all entries of a conversation that is gone, then the note that it is. */
export async function clear(
  run: RunOnKv,
  key: string,
  generation: string,
): Promise<void> {
  const prefix = keyOf("record", key, generation);
  for await (const page of pages(run, { prefix })) {
    await run((kv) => {
      const commit = kv.atomic();
      for (const key of page) commit.delete(key);
      return commit.commit();
    });
  }
  await run((kv) => kv.delete(keyOf("gone", key, generation)));
}

/** A commit may have 1,000 changes and, Deno says, 80 KiB of keys of some 170 bytes each. */
const KEYS_AT_ONCE = 100;

/** All keys, as many at a time as one commit may delete. */
export async function* pages(
  run: RunOnKv,
  selector: Deno.KvListSelector,
): AsyncGenerator<Deno.KvKey[]> {
  let cursor = "";
  let isMore = true;
  while (isMore) {
    const page = await run(async (kv) => {
      const entries = kv.list(selector, { limit: KEYS_AT_ONCE, cursor });
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
  return `~${createHash("sha256").update(id, "utf16le").digest("hex")}`;
}
