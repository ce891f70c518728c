/**
 * The settings of the session store.
 *
 * @module
 */
import { wholeNumber } from "../settings/kinds.ts";
import type { Setting, SettingValues } from "../settings/setting.ts";
import { type StoreChoice, STORES } from "./mod.ts";
import type { StoreKind } from "./store.ts";

const KINDS: readonly StoreKind[] = Object.values(STORES);

const FORMS = KINDS.flatMap(({ forms }) => Object.entries(forms));

/** The store, how long it keeps conversations, and how much memory they may take. */
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
      // `KINDS` holds the kinds of `STORES` alone, so this is one of their choices.
      return choice as StoreChoice;
    },
    expected: `one of ${FORMS.map(([form]) => form).join(", ")}`,
  },
  sessionTtlDays: {
    env: "SESSION_TTL_DAYS",
    default: "0",
    help:
      "How many days a conversation is kept after its last record. 0: for " +
      "good.",
    ...wholeNumber(0, 36_500),
  },
  cacheMb: {
    env: "CACHE_MB",
    default: "64",
    help:
      "How much memory the cache of conversations may take, in MB. A cached " +
      "conversation need not be read again for its next turn; 100 turns take " +
      "some 100 KB. Conversations with a turn under way are always cached. At " +
      "least 1.",
    ...wholeNumber(1),
  },
  maxSessionMb: {
    env: "MAX_SESSION_MB",
    default: "16",
    help:
      "How much memory one conversation may take, in MB. Of a larger one, " +
      "only the newest records stay in memory, about half of that size; the " +
      "model is shown no others, and the log says so. The store keeps all of " +
      "it. At least 4, since one turn may take more than 1.",
    ...wholeNumber(4, 1_024),
  },
} as const;

/** The values of {@linkcode sessionSettings}. */
export type SessionSettings = SettingValues<typeof sessionSettings>;

/** Variables that the stores' drivers read themselves; they fail without the permission to. */
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
