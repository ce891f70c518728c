/**
 * Conversations in Deno KV: in a local file, on a `denokv` server, or in the
 * database of an app on Deno Deploy. Several instances may share one. The
 * connection is here; what is kept under which keys is the journal's business.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { dirname } from "node:path";
import { createJournalStore } from "./_journal.ts";
import { createKvJournal } from "./_kv_journal.ts";
import { retry } from "./_retry.ts";
import type { SessionStore, StoreOptions } from "./store.ts";

/** Which database, and how to use it. */
export interface KvStoreOptions extends StoreOptions {
  /**
   * A file, or the URL of a `denokv` server, whose token Deno itself takes from
   * `DENO_KV_ACCESS_TOKEN`. Absent: the database that Deno Deploy gives the
   * app; elsewhere the one that Deno keeps for the script.
   */
  path?: string;
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
  const { path, timeoutMs } = options;
  const database = createKvDatabase(() => openKv(path), timeoutMs);
  return createJournalStore(createKvJournal(database), options);
}

/** A database that may not be open yet. */
export interface KvDatabase {
  /**
   * Runs a step, and runs it again for a while when the database can't be
   * reached: it must do no harm to run it twice.
   */
  run<T>(step: (kv: Deno.Kv) => Promise<T>): Promise<T>;
  /** Closes it, if it was opened. */
  close(): Promise<void>;
}

/** Makes a database that is opened when it is first used. */
export function createKvDatabase(
  open: () => Promise<Deno.Kv>,
  timeoutMs = 5_000,
): KvDatabase {
  let opened: Promise<Deno.Kv> | undefined;

  function connect(): Promise<Deno.Kv> {
    const current = opened ??= open().catch((error) => {
      // Next time it may work.
      if (opened === current) opened = undefined;
      throw error;
    });
    return current;
  }

  function run<T>(step: (kv: Deno.Kv) => Promise<T>): Promise<T> {
    return before(retry(() => connect().then(step), isPassing, timeoutMs));
  }

  /**
   * Rejects when there is no answer in time. Deno asks a server for ever and
   * can't be stopped (denoland/deno issue 21263): the same connection works
   * again when the server is back, and what was given up may be written then.
   */
  async function before<T>(answer: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`no answer within ${timeoutMs} ms`);
      timer = setTimeout(() => reject(error), timeoutMs);
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    run,
    async close() {
      if (opened === undefined) return;
      const closing = opened.then((kv) => kv.close());
      opened = undefined;
      // What can't be reached needs no closing.
      await before(closing).catch(() => {});
    },
  };
}

/** Whether it is worth another try: another process writes to the file, or the server is away. */
function isPassing(error: unknown): boolean {
  return error instanceof Error && PASSING.test(error.message);
}

/** As Deno 2.5 and 2.9 say it; the classes of these errors tell nothing. */
const PASSING =
  /database is locked|failed to connect|KV Connect failed to read|status 5\d\d/;

async function openKv(path?: string): Promise<Deno.Kv> {
  if (path !== undefined && path !== ":memory:" && !/^https?:/.test(path)) {
    const folder = { recursive: true, mode: 0o700 };
    await Deno.mkdir(dirname(path), folder).catch((error) => {
      // Leave to write the file alone is enough, where its folder is there.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    });
    // Made here, because callers' words are nobody else's on this machine.
    const file = { append: true, create: true, mode: 0o600 };
    (await Deno.open(path, file)).close();
  }
  try {
    return await Deno.openKv(path);
  } catch (error) {
    if (path !== undefined || !(error instanceof Error)) throw error;
    throw new Error(
      `${error.message} (on Deno Deploy, attach a Deno KV database to the app)`,
      { cause: error },
    );
  }
}
