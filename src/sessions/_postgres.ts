/**
 * A pool of connections to Postgres. It connects on first use, retries for a
 * moment while the server is unreachable, and creates missing tables. Timeouts
 * are kept on this side, and no state lasts longer than one query, because a
 * pooler in transaction mode supports neither `statement_timeout` nor sessions.
 *
 * @module
 */
import { retry } from "./_store.ts";

/** The part of the driver's pool that is used here. The driver brings no types. */
interface Pool {
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: unknown[] }>;
  on(event: "error" | "remove", listener: () => void): unknown;
  end(): Promise<void>;
  readonly totalCount: number;
}

/** A pool of connections, made when it is first used. It tries again after transient faults. */
export class Postgres {
  #pool: Promise<Pool> | undefined;

  constructor(readonly url: string) {}

  /** Runs one statement, which may run twice if the connection breaks before the answer. The driver's errors don't contain the password. */
  async query<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const ask = async () => {
      const pool = await (this.#pool ??= connect(this.url));
      try {
        return await pool.query(text, values);
      } catch (error) {
        // Tables are created only if they are missing, so that a role without
        // the right to create tables can use existing ones. A query without
        // values may have several statements.
        const isMissing = error instanceof Error && "code" in error &&
          error.code === UNDEFINED_TABLE;
        if (isMissing) await pool.query(TABLES);
        // The error for several addresses has no message of its own.
        throw error instanceof AggregateError ? error.errors[0] : error;
      }
    };
    const { rows } = await retry(ask, TRANSIENT, RETRY_MS);
    // The statement says what a row has.
    return rows as Row[];
  }

  /** Closes the connections, and waits until they are closed, which `pool.end` doesn't. */
  async close(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined);
    if (!pool) return;
    const closed = Promise.withResolvers<void>();
    const timer = setTimeout(closed.resolve, CLOSE_MS);
    let left = pool.totalCount;
    pool.on("remove", () => {
      if (--left === 0) closed.resolve();
    });
    if (left === 0) closed.resolve();
    await pool.end();
    await closed.promise;
    clearTimeout(timer);
  }
}

async function connect(url: string): Promise<Pool> {
  // Loading the driver takes some 30 ms, measured, and only this store needs it.
  const { Pool } = await import("pg");
  const separator = url.includes("?") ? "&" : "?";
  const pool: Pool = new Pool({
    // With it, `sslmode` has its usual meaning: `require` accepts any certificate.
    connectionString: `${url}${separator}uselibpqcompat=true`,
    application_name: "parley",
    max: 10,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
    idleTimeoutMillis: 30_000,
    maxLifetimeSeconds: 1_800,
    keepAlive: true,
  });
  // If an idle connection breaks, the next query opens another. Without a
  // listener, the event would end the process.
  pool.on("error", () => {});
  return pool;
}

const CLOSE_MS = 1_000;

/** Long enough for a restart of the server, which takes a second or two. */
const RETRY_MS = 3_000;

/** Postgres's code for `undefined_table`. */
const UNDEFINED_TABLE = "42P01";

/**
 * Creates the tables. Ids and records are stored as JSON, because Postgres's
 * `text` can't hold NUL. Statements sent together are one transaction. The
 * advisory lock, an arbitrary number, admits one instance at a time: `if not
 * exists` alone fails when two instances run it at once.
 */
const TABLES = `
select pg_advisory_xact_lock(7270891504);
create table if not exists parley_sessions (
  uid bigint generated always as identity primary key,
  key text not null unique,
  id text not null,
  length integer not null,
  started_at timestamptz not null default now(),
  at timestamptz not null default now()
);
create table if not exists parley_records (
  uid bigint not null references parley_sessions on delete cascade,
  seq integer not null,
  batch uuid not null,
  record text not null,
  primary key (uid, seq)
);`;

/** Matches transient faults by the system's error names, Postgres's error codes and the driver's messages: a restart, a broken connection, too many connections, a deadlock, and tables that were just created. */
const TRANSIENT =
  /^((ECONN(REFUSED|RESET|ABORTED)|EPIPE|EAI_AGAIN|57P0[123]|08...|53300|40001|40P01|42P01) | Connection terminated unexpectedly| Client has encountered a conn)/;
