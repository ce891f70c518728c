/**
 * What an owner may set of where conversations are kept.
 *
 * @module
 */
import { toPath, wholeNumber } from "../settings/kinds.ts";
import type { Found, Setting } from "../settings/setting.ts";

/** What `SESSION_STORE` says. */
export type StoreChoice =
  /** Under `DATA_DIR`. */
  | { type: "file" }
  /** A file or a server's address; absent: a file in `DATA_DIR`, or Deno Deploy's own. */
  | { type: "kv"; path?: string }
  | { type: "postgres"; url: string };

/** Where conversations are kept, for how long, and how many of them in memory. */
export const sessionSettings = {
  sessionStore: {
    env: "SESSION_STORE",
    secret: false,
    help: `The store:
- \`file\`: JSON Lines files under \`DATA_DIR/sessions\`
- \`kv\`: Deno KV, a file in \`DATA_DIR\`; on Deno Deploy its own
- \`kv:<file or address>\`: Deno KV in another file, or a denokv server
- \`postgres://user:password@host/database\``,
    defaultNote: "`file`; on Deno Deploy `kv`, since files don't last there",
    example: "file",
    parse: toStoreChoice,
    expected: "file, kv, kv:<file or http address> or " +
      "postgres://<user>:<password>@<host>/<database>",
  },
  sessionTtlDays: {
    env: "SESSION_TTL_DAYS",
    default: "0",
    help: "How many days a conversation is kept after its last word. 0: for " +
      "good.",
    ...wholeNumber(0, 36_500),
  },
  cacheMb: {
    env: "CACHE_MB",
    default: "64",
    help: "How much memory conversations may take, in MB, so that the next " +
      "turn of one need not read it again. One of 100 turns takes some 100 " +
      "KB. What a turn is at work on stays in any case. At least 1.",
    ...wholeNumber(1),
  },
} as const;

/** The values of {@linkcode sessionSettings}. */
export type SessionSettings = Found<typeof sessionSettings>;

/**
 * What the stores' engines read for themselves, and fail where they may not:
 * Deno for a denokv server, `pg` for what the address in `SESSION_STORE` doesn't
 * say, `pgpass` where Postgres wants a password that nobody gave.
 */
export const engineSettings: readonly Setting[] = [
  { env: "DENO_KV_ACCESS_TOKEN", secret: true, belongsTo: "Deno" },
  ...[
    ...["PGAPPNAME", "PGBINARY", "PGCLIENT_ENCODING", "PGCONNECT_TIMEOUT"],
    ...["PGDATABASE", "PGHOST", "PGOPTIONS", "PGPASSFILE", "PGPASSWORD"],
    ...["PGPASS_NO_DEESCAPE", "PGPORT", "PGREPLICATION", "PGSSLMODE"],
    ...["PGSSLNEGOTIATION", "PGUSER", "NODE_PG_FORCE_NATIVE"],
    ...["HOME", "USER", "APPDATA", "USERNAME"],
  ].map((env) => ({ env, secret: env === "PGPASSWORD", belongsTo: "pg" })),
];

/** @throws {TypeError} when it names no store */
function toStoreChoice(text: string, env: string): StoreChoice {
  const [, scheme, rest] = /^(\w+)(?::(.+))?$/s.exec(text) ?? [];
  if (scheme === "file" && rest === undefined) return { type: "file" };
  if (scheme === "kv") {
    if (rest === undefined) return { type: "kv" };
    const isAddress = /^https?:/.test(rest);
    return { type: "kv", path: isAddress ? rest : toPath(rest, env) };
  }
  if (/^postgres(ql)?$/.test(scheme ?? "") && new URL(text).host) {
    return { type: "postgres", url: text };
  }
  throw new TypeError("Not a store");
}
