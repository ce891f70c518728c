/**
 * Conversations in Deno KV: in a local file, on a `denokv` server, or in the
 * database of an app on Deno Deploy. Several instances may share one.
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

/** Deno KV: a file or a server's address; where none is named, a file in `DATA_DIR`, or Deno Deploy's own. */
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

/** Which database, and how to use it. */
export interface KvStoreOptions extends StoreOptions {
  /**
   * A file, or the URL of a `denokv` server, whose token Deno itself takes from
   * `DENO_KV_ACCESS_TOKEN`. Absent: the database that Deno Deploy gives the app.
   */
  path?: string;
  /** How long a step may take that the database doesn't answer. Default 5,000. */
  timeoutMs?: number;
  /** Opens the database. Default: as `path` says. */
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
        // A cursor that somebody made up: its page is empty, as one after the last is.
        if (/cursor/i.test(String(error))) return [];
        throw error;
      }),

    async sweep(before, maxShare) {
      const starts = await listStarts(run);
      const most = Math.ceil(starts.length * maxShare);
      let count = 0;
      for (const { at, key } of starts) {
        // One that began later can't have ended before.
        if (at >= before.getTime() || count === most) break;
        if (await new KvLines("", run, key).forget(before)) count++;
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

/** What a list tells of a conversation; nothing where all that is left is that it was deleted. */
function describe(
  { id, at, length, first = 1, preview }: Header,
): SessionInfo | undefined {
  if (first > 1 && length === first) return undefined;
  return { id, at: new Date(at).toISOString(), preview };
}

/**
 * Opens the database when it is first used, and gives each step a time limit.
 * Deno asks a server for ever and can't be stopped (denoland/deno issue 21263):
 * the same connection works again when the server is back, and what was given
 * up may be written then.
 */
function connect(
  open: () => Promise<Deno.Kv>,
  timeoutMs: number,
): { run: RunOnKv; close: () => Promise<void> } {
  let opened: Promise<Deno.Kv> | undefined;

  function inTime<T>(answer: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(new Error(`no answer within ${timeoutMs} ms`));
    const timer = setTimeout(giveUp, timeoutMs);
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  function find(): Promise<Deno.Kv> {
    return opened ??= open().catch((error) => {
      // Next time it may open.
      opened = undefined;
      throw error;
    });
  }

  return {
    run: (step) =>
      inTime(retry(async () => await step(await find()), PASSING, timeoutMs)),
    async close() {
      const closing = opened?.then((kv) => kv.close());
      opened = undefined;
      // What can't be reached needs no closing.
      if (closing) await inTime(closing).catch(() => {});
    },
  };
}

/** Another process writes to the file, or the server is away, as Deno 2.5 and 2.9 say it. */
const PASSING =
  /database is locked|failed to connect|KV Connect failed to read|status 5\d\d/;

async function openPath(path?: string): Promise<Deno.Kv> {
  if (path !== undefined && path !== ":memory:" && !/^https?:/.test(path)) {
    const parent = path.replace(/[^\\/]*$/, "") || ".";
    const options = { recursive: true, mode: 0o700 };
    await Deno.mkdir(parent, options).catch((error) => {
      // Leave to write the file alone is enough where its folder is there.
      if (!(error instanceof Deno.errors.NotCapable)) throw error;
    });
    // Made here, because callers' words are nobody else's on this machine.
    const file = { append: true, create: true, mode: 0o600 };
    (await Deno.open(path, file)).close();
  }
  return await Deno.openKv(path).catch((cause) => {
    if (path !== undefined) throw cause;
    const hint = "on Deno Deploy, attach a Deno KV database to the app";
    throw new Error(`${cause.message} (${hint})`, { cause });
  });
}
