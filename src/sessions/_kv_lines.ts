/**
 * What the Deno KV store keeps under which keys.
 *
 * A conversation has a header, which each commit that adds to it replaces, so
 * that a commit fails where somebody else was first.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { type Lines, type News, toPreview } from "./_store.ts";
import { hash, type Line } from "./record.ts";

/** Runs a step on the database. It must do no harm to run it twice. */
export type RunOnKv = <T>(step: (kv: Deno.Kv) => Promise<T>) => Promise<T>;

/** What is known of a conversation. */
export type Header = {
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
};

/** Lines that were added in one batch, in UTF-8, with newlines between. */
export type Entry = { batch: string; lines: Uint8Array };

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
  readonly #headerKey: Deno.KvKey;
  #header: Header | undefined;
  /** The header's; null where there is none. */
  #versionstamp: string | null = null;

  constructor(
    readonly id: string,
    readonly run: RunOnKv,
    readonly key: string = shorten(id),
  ) {
    this.#headerKey = keyOf("session", key);
  }

  async read(isAnew: boolean, maxBytes: number): Promise<News> {
    const { value, versionstamp } = await this.#readHeader();
    const isSame = !isAnew && value?.generation === this.#header?.generation;
    const known = isSame ? this.#header?.length ?? 0 : 0;
    let which: News["which"] = isSame ? "next" : "all";
    let lines: string[] = [];
    if (value !== null && known < value.length) {
      const newest = await this.#readNewest(value.generation, known, maxBytes);
      // Added to, or deleted, while it was read? Then that may be a part of it.
      const now = await this.#readHeader();
      if (now.versionstamp !== versionstamp) return this.read(isAnew, maxBytes);
      lines = newest.lines;
      if (newest.isCut) which = "newest";
    }
    this.#header = value ?? undefined;
    this.#versionstamp = versionstamp;
    return { which, lines };
  }

  #readHeader(): Promise<Deno.KvEntryMaybe<Header>> {
    return this.run((kv) => kv.get<Header>(this.#headerKey));
  }

  /** The newest lines after those that are known, as many as there is room for. */
  #readNewest(generation: string, known: number, maxBytes: number) {
    const prefix = keyOf("record", this.key, generation);
    const selector = { prefix, start: [...prefix, known + 1] };
    const options = { batchSize: 500, reverse: true };
    return this.run(async (kv) => {
      const found: string[][] = [];
      let bytes = 0;
      for await (const { value } of kv.list<Entry>(selector, options)) {
        bytes += value.lines.length;
        if (bytes > maxBytes) break;
        found.push(new TextDecoder().decode(value.lines).split("\n"));
      }
      return { lines: found.reverse().flat(), isCut: bytes > maxBytes };
    });
  }

  async append(
    lines: readonly Line[],
    batch: string = crypto.randomUUID(),
  ): Promise<boolean> {
    const { id, key, run } = this;
    const isAlone = lines[0]?.record.type === "deleted";
    const lastAt = Date.now();
    const before = this.#header ??
      { id, generation: batch, at: lastAt, lastAt, length: 0 };
    const { at, length } = before;
    const header: Header = {
      ...before,
      lastAt,
      length: length + lines.length,
      ...isAlone ? { first: length + 1 } : {},
      preview: (isAlone ? undefined : before.preview) ??
        toPreview(lines.map(({ record }) => record)),
    };
    const prefix = keyOf("record", key, before.generation);
    const versionstamp = this.#versionstamp;
    const result = await run((kv) => {
      const commit = kv.atomic()
        .check({ key: this.#headerKey, versionstamp })
        .set(this.#headerKey, header);
      let number = length + 1;
      for (const texts of toGroups(lines)) {
        const entry = {
          batch,
          lines: new TextEncoder().encode(texts.join("\n")),
        };
        commit.set([...prefix, number], entry);
        number += texts.length;
      }
      if (length === 0) commit.set(keyOf("start", at, key), true);
      return commit.commit();
    });
    const added = [...prefix, length + 1];
    if (!result.ok) {
      // It may be there all the same: the answer to it was lost.
      const { value } = await run((kv) => kv.get<Entry>(added));
      if (value?.batch !== batch) return false;
    }
    this.#header = header;
    this.#versionstamp = result.ok ? result.versionstamp : UNKNOWN;
    // Nobody reads any more what comes before.
    if (isAlone) {
      await this.#purge({ prefix: keyOf("record", key), end: added });
    }
    return true;
  }

  /**
   * Deletes all of it, if nothing was added since a time, nor is meanwhile: its
   * entries, and then its header. Where a process dies between the commits that
   * a long one takes, the next sweep goes on.
   */
  async forget(before: Date): Promise<boolean> {
    const { value, versionstamp } = await this.#readHeader();
    if (value === null || value.lastAt >= before.getTime()) return false;
    const check = { key: this.#headerKey, versionstamp };
    const prefix = keyOf("record", this.key);
    if (!await this.#purge({ prefix }, check)) return false;
    const { ok } = await this.run((kv) =>
      kv.atomic().check(check).delete(this.#headerKey)
        .delete(keyOf("start", value.at, this.key)).commit()
    );
    return ok;
  }

  /** Deletes what a selector finds, as long as a check holds. */
  async #purge(
    selector: Deno.KvListSelector,
    check?: Deno.AtomicCheck,
  ): Promise<boolean> {
    while (true) {
      const keys = await listKeys(this.run, selector);
      const { ok } = await this.run((kv) => {
        const commit = kv.atomic();
        if (check) commit.check(check);
        for (const key of keys) commit.delete(key);
        return commit.commit();
      });
      if (!ok || keys.length < KEYS_AT_ONCE) return ok;
    }
  }
}

/** A versionstamp that nothing has, so that a commit which checks it fails. */
const UNKNOWN = "0".repeat(20);

/** A value may have 64 KiB with what KV adds; one line always fits. */
const MAX_ENTRY_BYTES = 64_000;

/** Makes as few groups of lines as have room in one entry each. */
function toGroups(lines: readonly Line[]): string[][] {
  const groups: string[][] = [];
  let room = 0;
  for (const { json } of lines) {
    const bytes = new TextEncoder().encode(json).length + 1;
    if (bytes > room) {
      groups.push([]);
      room = MAX_ENTRY_BYTES;
    }
    room -= bytes;
    groups.at(-1)?.push(json);
  }
  return groups;
}

/** A commit may have 1,000 changes and, Deno says, 80 KiB of keys of some 170 bytes each. */
const KEYS_AT_ONCE = 400;

/** The first keys that a selector finds, as many as one commit may delete. */
function listKeys(
  run: RunOnKv,
  selector: Deno.KvListSelector,
): Promise<Deno.KvKey[]> {
  const options = { limit: KEYS_AT_ONCE, batchSize: KEYS_AT_ONCE };
  return run((kv) =>
    Array.fromAsync(kv.list(selector, options), ({ key }) => key)
  );
}

/** When conversations began and their keys, the oldest first. */
export async function listStarts(
  run: RunOnKv,
): Promise<{ at: number; key: string }[]> {
  const prefix = keyOf("start");
  const found: Deno.KvKey[] = [];
  while (true) {
    const start = [...found.at(-1) ?? prefix, ""];
    const page = await listKeys(run, { prefix, start });
    found.push(...page);
    if (page.length < KEYS_AT_ONCE) break;
  }
  return found.map((path) => ({ at: Number(path[2]), key: String(path[3]) }));
}

/** Stands for an id in keys, which may have 2 KiB. */
export function shorten(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(id)) return id;
  // UTF-16, because half a surrogate pair has no UTF-8.
  return `~${hash(id, "hex", "utf16le")}`;
}
