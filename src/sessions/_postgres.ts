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
import { retry } from "./_engine.ts";

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
  #tables: Promise<void> | undefined;

  constructor(readonly url: string) {}

  /**
   * Runs one statement, and gives the rows it found. It may run twice, when
   * the connection breaks before the answer.
   *
   * @throws the driver's error; its message has no password in it
   */
  async query<Row>(text: string, values: readonly unknown[]): Promise<Row[]> {
    this.#tables ??= this.#makeTables();
    try {
      await this.#tables;
      return await this.#ask<Row>(text, values);
    } catch (error) {
      // They couldn't be made, or another database took this one's place: the
      // next question makes them.
      this.#tables = undefined;
      throw error;
    }
  }

  async #ask<Row>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    const { rows } = await retry(
      async () => {
        const pool = await (this.#pool ??= connect(this.url));
        // Without values it is sent so that it may be several statements.
        return await pool.query(text, values);
      },
      PASSING,
      RETRY_MS,
    );
    return rows as Row[];
  }

  async #makeTables(): Promise<void> {
    const [found] = await this.#ask<{ ready: boolean }>(
      "select to_regclass('parley_sessions') is not null and " +
        "to_regclass('parley_records') is not null as ready",
    );
    // A role that may not make tables is fine where they are there.
    if (found?.ready) return;
    // Sent as one, these are one transaction. The lock lets one instance at a
    // time in: `if not exists` alone fails when two come at once.
    await this.#ask(`select pg_advisory_xact_lock(${LOCK});\n${TABLES}`);
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
  if (!parsed.searchParams.has("uselibpqcompat")) {
    parsed.searchParams.set("uselibpqcompat", "true");
  }
  return parsed.href;
}

/** How long connections may take to close. */
const CLOSE_MS = 1_000;

/** A restart of the server takes a second or two. */
const RETRY_MS = 3_000;

/** Any number that is nobody else's. */
const LOCK = 7_270_891_504;

/** The tables. Ids and records are JSON texts, because texts hold no NUL. */
const TABLES = `
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

/** Names of the system's errors, numbers of Postgres's, and the driver's words: a restart, a broken connection, too many, a deadlock. */
const PASSING =
  /^((ECONN(REFUSED|RESET|ABORTED)|EPIPE|EAI_AGAIN|57P0[123]|08...|53300|40001|40P01) | Connection terminated unexpectedly| Client has encountered a conn)/;
