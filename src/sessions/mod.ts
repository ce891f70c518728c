/**
 * The kinds of session store, and the store that the settings name. A new kind
 * is a file beside this one and an entry in {@linkcode STORES}.
 *
 * @module
 */
import { explain, type Log } from "../server/log.ts";
import { type CheckResult, createResults } from "../settings/check_result.ts";
import { MB } from "./_store.ts";
import { file } from "./file.ts";
import { kv } from "./kv.ts";
import { postgres } from "./postgres.ts";
import type { SessionSettings } from "./settings.ts";
import type { SessionStore, StoreKind, StorePlace } from "./store.ts";

/** Every kind of store. */
export const STORES = { file, kv, postgres };

/** The parsed value of `SESSION_STORE`. */
export type StoreChoice = NonNullable<
  ReturnType<typeof STORES[keyof typeof STORES]["read"]>
>;

/** Makes the store that the settings name. Nothing is opened until it is used. */
export function createStore(
  config: SessionSettings & Pick<StorePlace, "dataDir" | "isDeploy">,
  log: Log,
): SessionStore {
  const { dataDir, isDeploy, maxSessionMb, cacheMb } = config;
  const choice: StoreChoice = config.sessionStore ??
    { type: isDeploy ? "kv" : "file" };
  const kind: StoreKind = STORES[choice.type];
  return kind.create(choice, {
    ...{ dataDir, isDeploy, cacheBytes: cacheMb * MB },
    maxBytes: maxSessionMb * MB,
    onBadRecord: (conversationId) =>
      log.warn("session.bad_record", { conversationId }),
    onCut: (conversationId) => {
      const message = "Its oldest part isn't in memory and isn't shown to " +
        "the model; raise MAX_SESSION_MB to keep more of it";
      log.warn("session.cut", { conversationId, message });
    },
  });
}

const { ok, warn, fail } = createResults("session store");

/** The check of `deno task doctor`: whether the store can be written. */
export async function diagnoseStore(store: SessionStore): Promise<CheckResult> {
  try {
    await store.check();
    return ok(`${store.name} can be written`);
  } catch (error) {
    return fail(
      explain(error),
      store.name === "file"
        ? "set DATA_DIR to a folder that the user who runs Parley may write, on a disk with room; in Docker, a volume of theirs, without :ro"
        : "check SESSION_STORE: is the database running, and may it be written with this address?",
    );
  } finally {
    await store.close();
  }
}

/** Warns if others on the network can read the connection to the store. Only a warning, since the network may be private. `sslMode` is `PGSSLMODE`. */
export function findPlainText(
  store: StoreChoice | undefined,
  sslMode: string | undefined,
): CheckResult | undefined {
  if (store?.type !== "postgres") return undefined;
  const { hostname, searchParams } = new URL(store.url);
  const host = searchParams.get("host") ?? hostname;
  // A path is a Unix socket on this machine.
  if (/^(localhost|127(\.\d+){3}|\[?::1\]?|\/.*)$/.test(host)) return undefined;
  const ssl = searchParams.get("sslmode") ?? searchParams.get("ssl") ??
    sslMode ?? "disable";
  if (!/^(disable|false|0)$/.test(ssl)) return undefined;
  return warn(
    `conversations go to ${host} without TLS: others on the network can read them`,
    "add ?sslmode=verify-full to the address in SESSION_STORE, or " +
      "?sslmode=require if the server's certificate is self-signed",
  );
}

/** What {@linkcode startRetention} needs. */
export type RetentionOptions = {
  store: SessionStore;
  /** How long a conversation is kept after its last record, in days. 0: for ever. */
  days: number;
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** Milliseconds by a clock that nobody can set. */
  uptime: () => number;
};

const DAY_MS = 24 * 60 * 60_000;
const SWEEP_EVERY_MS = 60 * 60_000;

/** How far the two clocks may drift apart. An hour is little, since ages are counted in days. */
const MAX_JUMP_MS = 60 * 60_000;

/** The share of all conversations that one sweep may delete: if the clock was wrong from the start, the owner has time to notice. */
export const MAX_SHARE = 0.1;

/** Returns the time before which a last record is too old. */
export function toCutoff(days: number, now: number): Date {
  return new Date(now - days * DAY_MS);
}

/** Deletes conversations that are too old, now and every hour. Returns a function that stops this, and resolves when the current sweep is done. */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { store, days, log, now, uptime } = options;
  if (days === 0) return () => Promise.resolve();
  const startedAt = now() - uptime();

  async function sweep(): Promise<void> {
    const jumpMs = now() - uptime() - startedAt;
    if (Math.abs(jumpMs) > MAX_JUMP_MS) {
      const message = "The clock was set: nothing is deleted by age before " +
        "the next start. If it is right now, start Parley again";
      return log.warn("sessions.not_swept", { jumpMs, message });
    }
    try {
      const deleted = await store.sweep(toCutoff(days, now()), MAX_SHARE);
      if (deleted > 0) log.info("sessions.swept", { deleted, olderThan: days });
    } catch (error) {
      // The next sweep deletes what this one did not.
      log.warn("sessions.not_swept", { error });
    }
  }

  let last = sweep();
  const timer = setInterval(() => last = last.then(sweep), SWEEP_EVERY_MS);
  return () => {
    clearInterval(timer);
    return last;
  };
}
