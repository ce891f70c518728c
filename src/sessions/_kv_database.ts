/**
 * The connection of the Deno KV store: opened when it is first needed, and
 * patient while the database can't be reached.
 *
 * @module
 */
import { dirname } from "node:path";

/** Which database, and how long to wait for it. */
export interface KvDatabaseOptions {
  /**
   * A file, or the URL of a `denokv` server, whose token Deno itself takes from
   * `DENO_KV_ACCESS_TOKEN`. Absent: the database that Deno Deploy gives the
   * app; elsewhere the one that Deno keeps for the script.
   */
  path?: string | undefined;
  /** How long one step may take, its retries included. Default 5,000 ms. */
  timeoutMs?: number | undefined;
  /** Opens a database; tests put their own here. Default `Deno.openKv`. */
  open?: ((path?: string) => Promise<Deno.Kv>) | undefined;
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

/** Names a database. Touches nothing until it is used. */
export function createKvDatabase(options: KvDatabaseOptions): KvDatabase {
  const { path, timeoutMs = 5_000, open = openKv } = options;
  let opened: Promise<Deno.Kv> | undefined;

  function connect(): Promise<Deno.Kv> {
    const current = opened ??= open(path).catch((error) => {
      // Next time it may work.
      if (opened === current) opened = undefined;
      throw error;
    });
    return current;
  }

  async function run<T>(step: (kv: Deno.Kv) => Promise<T>): Promise<T> {
    const end = performance.now() + timeoutMs;
    for (let attempt = 0;; attempt++) {
      try {
        return await before(end, connect().then(step));
      } catch (error) {
        if (!isPassing(error) || performance.now() >= end) throw error;
      }
      await pause(attempt);
    }
  }

  /**
   * Rejects when there is no answer in time. Deno asks a server for ever and
   * can't be stopped (denoland/deno issue 21263): the same connection works
   * again when the server is back, and what was given up may be written then.
   */
  async function before<T>(end: number, answer: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`no answer within ${timeoutMs} ms`)),
        Math.max(end - performance.now(), 0),
      );
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
      await before(performance.now() + timeoutMs, closing).catch(() => {});
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

/** A moment of a random length, so that two don't meet again, and longer each time. */
async function pause(attempt: number): Promise<void> {
  const ms = Math.random() * Math.min(5 * 2 ** attempt, 200);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

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
