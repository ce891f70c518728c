/**
 * The Deno KV store: in a local file, on a `denokv` server, or in the database of
 * an app on Deno Deploy. Several instances may share one database.
 *
 * @see {@link https://docs.deno.com/deploy/kv/manual/}
 * @module
 */
import { toPath } from "../settings/kinds.ts";
import {
  type Header,
  keyOf,
  KvLines,
  listStarts,
  type RunOnKv,
} from "./_kv_lines.ts";
import { createStoreOn, retry } from "./_store.ts";
import type {
  SessionInfo,
  SessionStore,
  StoreKind,
  StoreOptions,
} from "./store.ts";

/** Deno KV in a file or on a server. Without a path, in a file in `DATA_DIR`, or in Deno Deploy's database. */
export const kv: StoreKind<{ type: "kv"; path?: string }> = {
  forms: {
    "kv": "Deno KV, a file in `DATA_DIR`; on Deno Deploy its own",
    "kv:<file or address>": "Deno KV in another file, or a denokv server",
  },
  read(text, env) {
    const [isKv, path] = /^kv(?::(.+))?$/s.exec(text) ?? [];
    if (isKv === undefined) return undefined;
    if (path === undefined) return { type: "kv" };
    const isAddress = /^https?:/.test(path);
    return { type: "kv", path: isAddress ? path : toPath(path, env) };
  },
  create({ path }, { dataDir, isDeploy, ...options }) {
    const own = isDeploy ? {} : { path: `${dataDir}/sessions.kv` };
    return createKvStore({ ...own, ...path ? { path } : {}, ...options });
  },
};

/** The database, and the options of every store. */
export interface KvStoreOptions extends StoreOptions {
  /**
   * A file, or the URL of a `denokv` server, whose token Deno itself takes from
   * `DENO_KV_ACCESS_TOKEN`. Absent: the database that Deno Deploy gives the app.
   */
  path?: string;
  /** How long an operation may take, in milliseconds. Default: 5,000. */
  timeoutMs?: number;
  /** Opens the database. Default: the one of `path`. */
  openKv?: () => Promise<Deno.Kv>;
}

/**
 * Makes a store on a Deno KV database, which is opened when it is first used.
 * Deno must run with `"unstable": ["kv"]` in `deno.json`, or `--unstable-kv`.
 */
export function createKvStore(options: KvStoreOptions = {}): SessionStore {
  const { path, timeoutMs = 5_000 } = options;
  const { openKv = () => openPath(path) } = options;
  const { run, close } = connect(openKv, timeoutMs);
  return createStoreOn({
    name: "kv",
    open: (id) => new KvLines(id, run),

    list: (limit, cursor) =>
      run(async (kv) => {
        const starts = kv.list({ prefix: keyOf("start") }, {
          limit,
          reverse: true,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const found = await Array.fromAsync(
          starts,
          ({ key }) => ({ key: String(key.at(-1)), cursor: starts.cursor }),
        );
        return Promise.all(found.map(async ({ key, cursor }) => {
          const { value } = await kv.get<Header>(keyOf("session", key));
          return { cursor, info: value ? describe(value) : undefined };
        }));
      }).catch((error) => {
        // An invalid cursor gives an empty page, like the one after the last.
        if (/cursor/i.test(String(error))) return [];
        throw error;
      }),

    async sweep(before, maxShare) {
      const starts = await listStarts(run);
      const most = Math.ceil(starts.length * maxShare);
      let count = 0;
      for (const { at, key } of starts) {
        // The other conversations began after `before`, so none is too old.
        if (at >= before.getTime() || count === most) break;
        if (await new KvLines("", run, key).deleteIfOlder(before)) count++;
      }
      return count;
    },

    async check() {
      const key = keyOf("probe", crypto.randomUUID());
      await run((kv) => kv.set(key, true, { expireIn: 60_000 }));
      await run((kv) => kv.delete(key));
    },

    close,
  }, options);
}

/** Makes the list entry of a conversation; `undefined` if it was deleted and nothing was added since. */
function describe(
  { id, at, length, first = 1, preview }: Header,
): SessionInfo | undefined {
  if (first > 1 && length === first) return undefined;
  return { id, at: new Date(at).toISOString(), preview };
}

/**
 * Opens the database on first use, and limits the time of each operation. Deno
 * retries requests to a server for ever and can't be stopped (denoland/deno issue
 * 21263): the same connection works again when the server is back, and a write
 * that timed out may still happen then.
 */
function connect(
  open: () => Promise<Deno.Kv>,
  timeoutMs: number,
): { run: RunOnKv; close: () => Promise<void> } {
  let opened: Promise<Deno.Kv> | undefined;

  function withTimeout<T>(answer: Promise<T>): Promise<T> {
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(giveUp, timeoutMs);
    return Promise.race([answer, timeout]).finally(() => clearTimeout(timer));
  }

  function getKv(): Promise<Deno.Kv> {
    return opened ??= open().catch((error) => {
      // The next operation tries again.
      opened = undefined;
      throw error;
    });
  }

  return {
    run: (step) =>
      withTimeout(
        retry(async () => await step(await getKv()), TRANSIENT, timeoutMs),
      ),
    async close() {
      const closing = opened?.then((kv) => kv.close());
      opened = undefined;
      // A database that can't be reached need not be closed.
      if (closing) await withTimeout(closing).catch(() => {});
    },
  };
}

/** Matches the messages of Deno 2.5 and 2.9 when another process writes to the file, or the server is unreachable. */
const TRANSIENT =
  /database is locked|failed to connect|KV Connect failed to read|status 5\d\d/;

async function openPath(path?: string): Promise<Deno.Kv> {
  if (path !== undefined && path !== ":memory:" && !/^https?:/.test(path)) {
    const parent = path.replace(/[^\\/]*$/, "") || ".";
    const options = { recursive: true, mode: 0o700 };
    await Deno.mkdir(parent, options).catch((error) => {
      // If the folder exists, permission to write the file alone is enough.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    });
    // Created here, so that no other user of this machine may read callers' words.
    const file = { append: true, create: true, mode: 0o600 };
    (await Deno.open(path, file)).close();
  }
  return await Deno.openKv(path).catch((cause) => {
    if (path !== undefined) throw cause;
    const hint = "on Deno Deploy, attach a Deno KV database to the app";
    throw new Error(`${cause.message} (${hint})`, { cause });
  });
}
