/**
 * The keys and values of the Deno KV store.
 *
 * A conversation has a header. Each commit that adds lines checks and replaces
 * the header, so that it fails if another process was first.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { hash } from "../server/builtin.ts";
import { type ReadLines, type SessionLines, toPreview } from "./_store.ts";
import type { Line } from "./record.ts";

/** Runs an operation on the database. It may run twice, so it must be idempotent. */
export type RunOnKv = <T>(step: (kv: Deno.Kv) => Promise<T>) => Promise<T>;

/** What is stored of a conversation beside its lines. */
export type Header = {
  /** The id; the key may hold only a hash of it. */
  id: string;
  generation: string;
  /** When it began and was last added to, in milliseconds since 1970. */
  at: number;
  lastAt: number;
  /** The number of lines ever added, and the number of the first one that was not deleted, from 1. */
  length: number;
  first?: number;
  preview?: string | undefined;
};

/** Lines of one batch, in UTF-8, separated by newlines. */
export type Entry = { batch: string; lines: Uint8Array };

/**
 * Makes a key: `session`, id for a {@linkcode Header}; `start`, time, id for the
 * order of conversations; `record`, id, generation, number of the first line (from
 * 1) for an {@linkcode Entry}.
 */
export function keyOf(...path: Deno.KvKeyPart[]): Deno.KvKey {
  return ["parley", ...path];
}

/** Reads and writes one conversation's lines. */
export class KvLines implements SessionLines {
  readonly #headerKey: Deno.KvKey;
  #header: Header | undefined;
  #versionstamp: string | null = null;

  constructor(
    readonly id: string,
    readonly run: RunOnKv,
    readonly key: string = toKeyPart(id),
  ) {
    this.#headerKey = keyOf("session", key);
  }

  async read(mustReadAll: boolean, maxBytes: number): Promise<ReadLines> {
    const { value, versionstamp } = await this.#readHeader();
    const isSame = !mustReadAll &&
      value?.generation === this.#header?.generation;
    const known = isSame ? this.#header?.length ?? 0 : 0;
    let which: ReadLines["which"] = isSame ? "next" : "all";
    let lines: string[] = [];
    if (value !== null && known < value.length) {
      const newest = await this.#readNewest(value.generation, known, maxBytes);
      // If the header has changed meanwhile, the lines may be incomplete.
      const now = await this.#readHeader();
      if (now.versionstamp !== versionstamp) {
        return this.read(mustReadAll, maxBytes);
      }
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
    const isDeletion = lines[0]?.record.type === "deleted";
    const lastAt = Date.now();
    const before = this.#header ??
      { id, generation: batch, at: lastAt, lastAt, length: 0 };
    const { at, length } = before;
    const header: Header = {
      ...before,
      lastAt,
      length: length + lines.length,
      ...isDeletion ? { first: length + 1 } : {},
      preview: (isDeletion ? undefined : before.preview) ??
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
      // Perhaps an earlier try was committed, and its answer was lost.
      const { value } = await run((kv) => kv.get<Entry>(added));
      if (value?.batch !== batch) return false;
    }
    this.#header = header;
    this.#versionstamp = result.ok ? result.versionstamp : UNKNOWN;
    if (isDeletion) {
      await this.#purge({ prefix: keyOf("record", key), end: added });
    }
    return true;
  }

  /**
   * Deletes the conversation if nothing was added since a time, or is added
   * meanwhile: first its entries, then its header. A long conversation takes
   * several commits; if the process dies between them, the next sweep goes on.
   */
  async deleteIfOlder(before: Date): Promise<boolean> {
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

  /** Deletes the selected entries. Returns false, and stops, if the check fails. */
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

/** A versionstamp that no entry has, so that a commit which checks it fails. */
const UNKNOWN = "0".repeat(20);

/** A value may have 64 KiB, including the overhead of KV; one line always fits. */
const MAX_ENTRY_BYTES = 64_000;

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

/** A commit may have 1,000 changes and, according to Deno, 80 KiB of keys; a key takes some 170 bytes. */
const KEYS_AT_ONCE = 400;

/** Lists the first selected keys, as many as one commit may delete. */
function listKeys(
  run: RunOnKv,
  selector: Deno.KvListSelector,
): Promise<Deno.KvKey[]> {
  const options = { limit: KEYS_AT_ONCE, batchSize: KEYS_AT_ONCE };
  return run((kv) =>
    Array.fromAsync(kv.list(selector, options), ({ key }) => key)
  );
}

/** Lists when each conversation began, in milliseconds since 1970, with its key. */
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

/** Returns a part of a key for an id. A whole key may have 2 KiB. */
export function toKeyPart(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/.test(id)) return id;
  // UTF-16, because UTF-8 can't encode lone surrogates.
  return `~${hash(id, "hex", "utf16le")}`;
}
