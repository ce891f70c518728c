/**
 * Conversations in Deno KV: in a local file, on a `denokv` server, or in the
 * database of an app on Deno Deploy. Several instances may share one.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { createJournalStore } from "./_journal.ts";
import { createKvDatabase } from "./_kv_database.ts";
import { createKvJournal } from "./_kv_journal.ts";
import type { SessionStore } from "./store.ts";

/** Which database, and how to use it. */
export interface KvStoreOptions {
  /**
   * A file, or the URL of a `denokv` server, whose token Deno itself takes from
   * `DENO_KV_ACCESS_TOKEN`. Absent: the database that Deno Deploy gives the
   * app; elsewhere the one that Deno keeps for the script.
   */
  path?: string;
  /** Told of each record that can't be read; the number counts from 1. */
  onBadRecord?: (record: { id: string; number: number }) => void;
  /** How much memory the conversations may take that stay there. Default 64 MB. */
  cacheBytes?: number;
  /**
   * How long one step may take while the database can't be reached, in
   * milliseconds, before it fails. Default 5,000.
   */
  timeoutMs?: number;
}

/**
 * Makes a store on a Deno KV database, which is opened when it is first used.
 * Deno must run with `"unstable": ["kv"]` in `deno.json`, or `--unstable-kv`.
 */
export function createKvStore(options: KvStoreOptions = {}): SessionStore {
  const { onBadRecord, cacheBytes, ...database } = options;
  const journal = createKvJournal(createKvDatabase(database), onBadRecord);
  return createJournalStore(journal, cacheBytes);
}
