/**
 * Clears away what a Deno KV database holds and no conversation counts on:
 * deleted ones, and pieces whose entry was never written.
 *
 * @module
 */
import type { KvDatabase } from "./_kv_database.ts";
import { keys, PIECES_AT_ONCE } from "./_kv_entries.ts";

/** Makes the functions that delete. */
export function createKvCleaner({ run }: KvDatabase) {
  /** Deletes the pieces of a draft, unless an entry counts on them by now. */
  async function discard(draft: Deno.AtomicCheck, path: string[]) {
    const { ok } = await run((kv) =>
      kv.atomic().check(draft)
        .delete(draft.key).set(keys.gone(...path), true).commit()
    );
    if (ok) await clear(path);
  }

  /** Deletes all records and pieces below a path, then the note that they are to be. */
  async function clear(path: string[]): Promise<void> {
    const [key = "", generation = "", batch] = path;
    if (batch === undefined) {
      await clearAll(keys.record(key, generation), 100);
    }
    await clearAll(keys.piece(path), PIECES_AT_ONCE);
    await run((kv) => kv.delete(keys.gone(...path)));
  }

  /** Deletes from the first to the last, a commit at a time. */
  async function clearAll(prefix: Deno.KvKey, limit: number): Promise<void> {
    let isMore = true;
    while (isMore) {
      isMore = await run(async (kv) => {
        const found = await Array.fromAsync(kv.list({ prefix }, { limit }));
        const commit = kv.atomic();
        for (const { key } of found) commit.delete(key);
        if (found.length > 0) await commit.commit();
        return found.length === limit;
      });
    }
  }

  /** Clears away what processes that died have left. */
  async function clearLeftovers(): Promise<void> {
    for await (const { key } of walk({ prefix: keys.gone() })) {
      await clear(key.slice(2).map(String));
    }
    for await (const draft of walk<number>({ prefix: keys.draft() })) {
      if (Date.now() - draft.value < DRAFT_MS) continue;
      await discard(draft, draft.key.slice(2).map(String));
    }
  }

  /** Every entry, a page at a time. */
  async function* walk<T>(
    selector: Deno.KvListSelector,
  ): AsyncGenerator<Deno.KvEntry<T>> {
    let cursor = "";
    do {
      const page = await run(async (kv) => {
        const found = kv.list<T>(selector, { limit: 100, cursor });
        const entries = await Array.fromAsync(found);
        return { entries, cursor: entries.length < 100 ? "" : found.cursor };
      });
      yield* page.entries;
      cursor = page.cursor;
    } while (cursor !== "");
  }

  return { clear, clearLeftovers, discard, walk };
}

/** Longer than any append takes. */
const DRAFT_MS = 3_600_000;
