/**
 * Conversations in Postgres: a row for each, and a row for each of its records.
 * Every question is one statement, so that it is atomic and works through a
 * pooler in transaction mode; Postgres answers when it is on disk.
 *
 * A conversation's row holds its length. Who adds to it must know that length:
 * Postgres lets one at a time change the row, and the others find another one.
 *
 * @module
 */
import { Postgres } from "./_postgres.ts";
import { createStoreOn, type Lines, type News, toPreview } from "./_store.ts";
import { hash, type Line, parseRecord } from "./record.ts";
import type { SessionStore, StoreKind, StoreOptions } from "./store.ts";

/** A database of Postgres. */
export const postgres: StoreKind<{ type: "postgres"; url: string }> = {
  forms: { "postgres://user:password@host/database": "Postgres" },
  read: (url) =>
    /^postgres(ql)?:/.test(url) && new URL(url).host
      ? { type: "postgres", url }
      : undefined,
  create: ({ url }, options) => createPostgresStore({ url, ...options }),
};

/**
 * Makes a store on Postgres 12 or newer. Connects when it is first used, and
 * makes its tables then, in the first schema of the user's path. A server that
 * is away is waited for some 3 seconds; no answer takes longer than some 11.
 *
 * @param options among them `postgres://user:password@host:port/database`
 */
export function createPostgresStore(
  options: StoreOptions & { url: string },
): SessionStore {
  const postgres = new Postgres(options.url);
  return createStoreOn({
    name: "postgres",
    open: (id) => new PostgresLines(id, postgres),

    async list(limit, cursor) {
      // A cursor that somebody made up: its page is empty, as one after the last is.
      if (cursor !== undefined && !/^\d{1,18}$/.test(cursor)) return [];
      const rows = await postgres.query<
        { uid: string; id: string; started_at: Date; first: string | null }
      >(LIST, [cursor, limit]);
      return rows.map(({ uid, id, started_at, first }) => ({
        cursor: uid,
        info: {
          id: JSON.parse(id),
          at: started_at.toISOString(),
          preview: toPreview([parseRecord(first ?? "")]),
        },
      }));
    },

    async sweep(before, maxShare) {
      const [{ most = 0 } = {}] = await postgres.query<{ most?: number }>(
        "select ceil(count(*) * $1::float)::int as most from parley_sessions",
        [maxShare],
      );
      let count = 0;
      while (true) {
        // A few at a time, so that none takes too long.
        const few = Math.min(most - count, 100);
        const found = await postgres.query(SWEEP, [before, few]);
        if (found.length === 0) return count;
        count += found.length;
      }
    },

    async check() {
      await postgres.query(CHECK, []);
    },

    close: () => postgres.close(),
  }, options);
}

/** One conversation's rows. */
class PostgresLines implements Lines {
  /** The number of its row in `parley_sessions`. */
  #uid: string | undefined;
  #length = 0;
  readonly #key: string;

  constructor(readonly id: string, readonly postgres: Postgres) {
    this.#key = keyOf(id);
  }

  async read(isAnew: boolean, maxBytes: number): Promise<News> {
    if (isAnew) {
      this.#uid = undefined;
      this.#length = 0;
    }
    const rows = await this.postgres.query<
      { uid: string; length: number; record: string | null }
    >(READ, [this.#key, this.#uid, this.#length, maxBytes]);
    const [{ uid, length = 0 } = {}] = rows;
    // One row without a record where there is nothing new.
    const lines = rows.flatMap(({ record }) => record ?? []);
    const start = length - lines.length;
    const isNext = !isAnew && start === this.#length &&
      (this.#uid === undefined || this.#uid === uid);
    this.#uid = uid;
    this.#length = length;
    const isWhole = start === 0 || lines[0]?.startsWith(DELETED);
    return { which: isNext ? "next" : isWhole ? "all" : "newest", lines };
  }

  async append(lines: readonly Line[]): Promise<boolean> {
    const batch = crypto.randomUUID();
    const texts = lines.map(({ json }) => json);
    const isDeletion = lines[0]?.record.type === "deleted";
    const ask = async (text: string, ...values: unknown[]) => {
      const given = [this.#length, batch, ...values];
      return (await this.postgres.query<{ uid: string }>(text, given))[0]?.uid;
    };
    const uid =
      await (this.#uid === undefined
        ? ask(BEGIN, texts, this.#key, JSON.stringify(this.id))
        : ask(ADD, texts, this.#uid, isDeletion)) ??
        // Somebody was first: this process itself, perhaps, whose answer was lost.
        await ask(OURS, this.#key);
    if (uid === undefined) return false;
    this.#uid = uid;
    this.#length += lines.length;
    return true;
  }
}

/** Ids are of any length and may hold what a text can't; a unique index takes neither. */
function keyOf(id: string): string {
  if (/^[\w-]{1,100}$/.test(id)) return id;
  // JSON keeps those apart that are no Unicode.
  return `~${hash(JSON.stringify(id))}`;
}

/** How the record begins before which all was deleted. */
const DELETED = '{"type":"deleted",';

/** The newest lines after those that are known, or one row without a record. */
const READ = `
select s.uid, s.length, r.record
from parley_sessions s
left join lateral (
  select seq, record, sum(octet_length(record)) over (order by seq desc) bytes
  from parley_records
  where uid = s.uid and seq > case
    when s.uid = $2::bigint and s.length >= $3::int then $3::int else 0
  end
) r on r.bytes <= $4::bigint
where s.key = $1
order by r.seq`;

const ADDED = `
  insert into parley_records (uid, seq, batch, record)
  select s.uid, $1::int + line.n, $2::uuid, line.record
  from s, unnest($3::text[]) with ordinality line (record, n)`;

/** Begins a conversation if there is none yet. */
const BEGIN = `
with s as (
  insert into parley_sessions (key, id, length)
  values ($4, $5, cardinality($3::text[]))
  on conflict (key) do nothing
  returning uid
), added as (${ADDED})
select uid from s`;

/** Adds to a conversation, if it still is as long as was thought, and deletes the rest of it where it is told to. */
const ADD = `
with s as (
  update parley_sessions
  set length = length + cardinality($3::text[]), at = now()
  where uid = $4 and length = $1::int
  returning uid
), added as (${ADDED}), gone as (
  delete from parley_records r using s
  where $5::boolean and r.uid = s.uid and r.seq <= $1::int
)
select uid from s`;

/** Whether a batch was added at a place. */
const OURS = `
select s.uid
from parley_sessions s join parley_records r on r.uid = s.uid
where s.key = $3 and r.seq = $1 + 1 and r.batch = $2`;

/** The numbers go up as conversations begin. */
const LIST = `
select uid, id, started_at, (
  select record from parley_records r
  where r.uid = s.uid and record like '{"type":"user",%'
  order by seq limit 1
) as first
from parley_sessions s
where ($1::bigint is null or uid < $1::bigint) and exists (
  select from parley_records r
  where r.uid = s.uid and record not like '${DELETED}%'
)
order by uid desc limit $2`;

/** The time is asked twice: something may be added while this waits for the row. */
const SWEEP = `
delete from parley_sessions
where at < $1::timestamptz and uid in (
  select uid from parley_sessions where at < $1::timestamptz
  order by at limit $2
)
returning uid`;

/** Changes nothing, but only where it could: with the right, and not on a standby. */
const CHECK = "delete from parley_records where uid = 0";
