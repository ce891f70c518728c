/**
 * What the Deno KV store keeps under which keys.
 *
 * A conversation has a header, which each commit that adds to it replaces, so
 * that a commit fails where somebody else was first.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { nodeCrypto } from "../server/builtin.ts";
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
    const headerKey = keyOf("session", this.#key);
    const toEntryKey = (number: number) =>
      keyOf("record", this.#key, generation, number);
    const versionstamp = this.#versionstamp;
    const result = await this.run((kv) => {
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
      const { value } = await this.run((kv) =>
        kv.get<Entry>(toEntryKey(before.length + 1))
      );
      if (value?.batch !== batch) return false;
    }
    this.#header = header;
    this.#versionstamp = result.ok ? result.versionstamp : UNKNOWN;
    return true;
  }

  async delete(): Promise<boolean> {
    let wasThere: boolean | undefined;
    while (wasThere === undefined) {
      wasThere = await forget(this.run, this.#key, await this.#readHeader());
    }
    this.#header = undefined;
    this.#versionstamp = null;
    return wasThere;
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
 * Deletes a conversation: its entries and then, with the last of them, its
 * header. One that is so long that it takes several commits can't be read
 * meanwhile; where a process dies between them, it can be deleted again.
 *
 * @returns whether there was one; nothing where it was added to meanwhile
 */
export async function forget(
  run: RunOnKv,
  key: string,
  { value, versionstamp }: Deno.KvEntryMaybe<Header>,
): Promise<boolean | undefined> {
  if (value === null) return false;
  const { generation, at } = value;
  for await (const page of pages(run, keyOf("record", key, generation))) {
    const isLast = page.length < KEYS_AT_ONCE;
    const { ok } = await run((kv) => {
      const commit = kv.atomic();
      commit.check({ key: keyOf("session", key), versionstamp });
      for (const entryKey of page) commit.delete(entryKey);
      if (isLast) {
        commit.delete(keyOf("session", key)).delete(keyOf("start", at, key));
      }
      return commit.commit();
    });
    if (ok) continue;
    // Not ok, and yet gone: the answer to it was lost.
    const found = await readHeader(run, key);
    return found.value?.generation === generation ? undefined : true;
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
  return `~${
    nodeCrypto().createHash("sha256").update(id, "utf16le").digest("hex")
  }`;
}
