/**
 * A pool of connections to Postgres: made on first use, asked again for a moment
 * where the server is away, and with tables in it. All questions are bounded in
 * time on this side, because a pooler in transaction mode takes no
 * `statement_timeout`; nothing here outlives one question, for the same reason.
 *
 * The driver is `pg`: it asks in one roundtrip without a prepared statement,
 * and drops a connection that doesn't answer.
 *
 * @module
 */
import { retry } from "./_store.ts";

/** What is used of the driver, which brings no types. */
interface Pool {
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: unknown[] }>;
  on(event: "error" | "remove", listener: () => void): unknown;
  end(): Promise<void>;
  /** How many connections it has. */
  readonly totalCount: number;
}

/** Asks Postgres. Connects when it is first asked. */
export class Postgres {
  #pool: Promise<Pool> | undefined;

  constructor(readonly url: string) {}

  /**
   * Runs one statement, and gives the rows it found. It may run twice, when
   * the connection breaks before the answer.
   *
   * @throws the driver's error; its message has no password in it
   */
  async query<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const ask = async () => {
      const pool = await (this.#pool ??= connect(this.url));
      try {
        return await pool.query(text, values);
      } catch (error) {
        // Asked for only now: a role that may not make tables is fine where
        // they are there. Without values, it may be several statements.
        const isMissing = error instanceof Error && "code" in error &&
          error.code === NO_TABLE;
        if (isMissing) await pool.query(TABLES);
        throw error;
      }
    };
    const { rows } = await retry(ask, PASSING, RETRY_MS);
    return rows as Row[];
  }

  /** Closes the connections, and waits for their last words, which the pool itself doesn't. */
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
  // Some 30 ms of code, measured, that only this store needs.
  const { Pool } = await import("pg");
  const pool: Pool = new Pool({
    connectionString: withUsualTls(url),
    application_name: "parley",
    max: 10,
    connectionTimeoutMillis: 3_000,
    query_timeout: 5_000,
    idleTimeoutMillis: 30_000,
    maxLifetimeSeconds: 1_800,
    keepAlive: true,
  });
  // A connection that breaks while nobody uses it: the next question makes
  // another. Without a listener it would end the process.
  pool.on("error", () => {});
  return pool;
}

/**
 * Has `sslmode` mean what it means to every other Postgres program: `require`
 * takes any certificate, `verify-full` looks at it.
 */
function withUsualTls(url: string): string {
  // Where it can't be read, the error has the address in it, and the password.
  const parsed = URL.parse(url);
  if (!parsed) throw new Error("its address is no URL");
  parsed.searchParams.set("uselibpqcompat", "true");
  return parsed.href;
}

/** How long connections may take to close. */
const CLOSE_MS = 1_000;

/** A restart of the server takes a second or two. */
const RETRY_MS = 3_000;

/** What Postgres says where a table isn't there. */
const NO_TABLE = "42P01";

/**
 * The tables. Ids and records are JSON texts, because texts hold no NUL. Sent
 * as one, these are one transaction. Its lock, any number that is nobody
 * else's, lets one instance at a time in: `if not exists` alone fails when two
 * come at once.
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

/** Names of the system's errors, numbers of Postgres's, and the driver's words: a restart, a broken connection, too many, a deadlock, and tables that were made just now. */
const PASSING =
  /^((ECONN(REFUSED|RESET|ABORTED)|EPIPE|EAI_AGAIN|57P0[123]|08...|53300|40001|40P01|42P01) | Connection terminated unexpectedly| Client has encountered a conn)/;
