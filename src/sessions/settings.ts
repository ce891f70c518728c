/**
 * What an owner may set of where conversations are kept.
 *
 * @module
 */
import { wholeNumber } from "../settings/kinds.ts";
import type { Setting, SettingValues } from "../settings/setting.ts";
import { type StoreChoice, STORES } from "./mod.ts";
import type { StoreKind } from "./store.ts";

const KINDS: readonly StoreKind[] = Object.values(STORES);

/** Each form of `SESSION_STORE`, and what it means. */
const FORMS = KINDS.flatMap(({ forms }) => Object.entries(forms));

/** Where conversations are kept, for how long, and how many of them in memory. */
export const sessionSettings = {
  sessionStore: {
    env: "SESSION_STORE",
    secret: false,
    help: [
      "The store:",
      ...FORMS.map(([form, what]) => `- \`${form}\`: ${what}`),
    ].join("\n"),
    defaultNote: "`file`; on Deno Deploy `kv`, since files don't last there",
    example: "file",
    parse(text: string, env: string): StoreChoice {
      const [choice] = KINDS.flatMap((kind) => kind.read(text, env) ?? []);
      if (!choice) throw new TypeError("Not a store");
      // Each kind of the list gives a choice of its own kind.
      return choice as StoreChoice;
    },
    expected: `one of ${FORMS.map(([form]) => form).join(", ")}`,
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
  maxSessionMb: {
    env: "MAX_SESSION_MB",
    default: "16",
    help: "How much memory one conversation may take, in MB. Past it only " +
      "the newest records stay in memory, about half of that; the model is " +
      "shown no others, and the log says so. All of it stays in the store. At " +
      "least 4, since one turn may take more than 1.",
    ...wholeNumber(4, 1_024),
  },
} as const;

/** The values of {@linkcode sessionSettings}. */
export type SessionSettings = SettingValues<typeof sessionSettings>;

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
