/**
 * The Postgres store: a row for each conversation, and a row for each record.
 * Every operation is one statement, so that it is atomic and works through a
 * pooler in transaction mode; Postgres answers when the data is on disk.
 *
 * A conversation's row holds its length, and a statement adds records only if the
 * length is the expected one. Postgres lets one statement at a time change the
 * row, so that concurrent ones find a different length and add nothing.
 *
 * @module
 */
import { hash } from "../server/builtin.ts";
import { Postgres } from "./_postgres.ts";
import {
  createStoreOn,
  type ReadLines,
  type SessionLines,
  toPreview,
} from "./_store.ts";
import { type Line, parseRecord } from "./record.ts";
import type { SessionStore, StoreKind, StoreOptions } from "./store.ts";

/** A Postgres database. */
export const postgres: StoreKind<{ type: "postgres"; url: string }> = {
  forms: { "postgres://user:password@host/database": "Postgres" },
  read: (url) =>
    /^postgres(ql)?:/.test(url) && new URL(url).host
      ? { type: "postgres", url }
      : undefined,
  create: ({ url }, options) => createPostgresStore({ url, ...options }),
};

/**
 * Makes a store on Postgres 12 or newer. It connects on first use, and then
 * creates its tables in the first schema of the user's search path. It waits some
 * 3 seconds for an unreachable server; no operation takes longer than some 11.
 */
export function createPostgresStore(
  options: StoreOptions & { url: string },
): SessionStore {
  const postgres = new Postgres(options.url);
  return createStoreOn({
    name: "postgres",
    open: (id) => new PostgresLines(id, postgres),

    async list(limit, cursor) {
      // An invalid cursor gives an empty page, like the one after the last.
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
        // A few at a time, so that no statement takes too long.
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

class PostgresLines implements SessionLines {
  #uid: string | undefined;
  #length = 0;
  readonly #key: string;

  constructor(readonly id: string, readonly postgres: Postgres) {
    this.#key = keyOf(id);
  }

  async read(mustReadAll: boolean, maxBytes: number): Promise<ReadLines> {
    if (mustReadAll) {
      this.#uid = undefined;
      this.#length = 0;
    }
    const rows = await this.postgres.query<
      { uid: string; length: number; record: string | null }
    >(READ, [this.#key, this.#uid, this.#length, maxBytes]);
    const [{ uid, length = 0 } = {}] = rows;
    // If there is nothing new, there is one row without a record.
    const lines = rows.flatMap(({ record }) => record ?? []);
    const start = length - lines.length;
    const isNext = !mustReadAll && start === this.#length &&
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
        ? ask(INSERT_SESSION, texts, this.#key, JSON.stringify(this.id))
        : ask(ADD_RECORDS, texts, this.#uid, isDeletion)) ??
        // The length differs. Perhaps this batch was added and the answer was lost.
        await ask(FIND_BATCH, this.#key);
    if (uid === undefined) return false;
    this.#uid = uid;
    this.#length += lines.length;
    return true;
  }
}

/** Returns a key for an id, which may be too long for a unique index, or hold characters that Postgres can't store. */
function keyOf(id: string): string {
  if (/^[\w-]{1,100}$/.test(id)) return id;
  // JSON escapes lone surrogates, so that ids which differ in them stay apart.
  return `~${hash(JSON.stringify(id))}`;
}

const DELETED = '{"type":"deleted",';

/** Selects the newest lines after the known ones, or one row without a record. */
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

const INSERT_RECORDS = `
  insert into parley_records (uid, seq, batch, record)
  select s.uid, $1::int + line.n, $2::uuid, line.record
  from s, unnest($3::text[]) with ordinality line (record, n)`;

const INSERT_SESSION = `
with s as (
  insert into parley_sessions (key, id, length)
  values ($4, $5, cardinality($3::text[]))
  on conflict (key) do nothing
  returning uid
), added as (${INSERT_RECORDS})
select uid from s`;

/** Adds records to a conversation if its length is the expected one. Deletes the earlier records if told to. */
const ADD_RECORDS = `
with s as (
  update parley_sessions
  set length = length + cardinality($3::text[]), at = now()
  where uid = $4 and length = $1::int
  returning uid
), added as (${INSERT_RECORDS}), gone as (
  delete from parley_records r using s
  where $5::boolean and r.uid = s.uid and r.seq <= $1::int
)
select uid from s`;

const FIND_BATCH = `
select s.uid
from parley_sessions s join parley_records r on r.uid = s.uid
where s.key = $3 and r.seq = $1 + 1 and r.batch = $2`;

/** A later conversation has a higher `uid`. */
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

/** The time is checked twice: a record may be added while this waits for the row. */
const SWEEP = `
delete from parley_sessions
where at < $1::timestamptz and uid in (
  select uid from parley_sessions where at < $1::timestamptz
  order by at limit $2
)
returning uid`;

/** Deletes no row, but fails without the right to write, and on a standby. */
const CHECK = "delete from parley_records where uid = 0";
