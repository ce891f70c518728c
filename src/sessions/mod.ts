/**
 * The stores, and the one that the settings name. A new one is a file beside
 * this one and an entry in {@linkcode STORES}.
 *
 * @module
 */
import { explain, type Log } from "../server/log.ts";
import type { CheckResult } from "../settings/check_result.ts";
import { MB } from "./_store.ts";
import { file } from "./file.ts";
import { kv } from "./kv.ts";
import { postgres } from "./postgres.ts";
import type { SessionSettings } from "./settings.ts";
import type { SessionStore, StoreKind, StorePlace } from "./store.ts";

/** Every kind of store. */
export const STORES = { file, kv, postgres };

/** What `SESSION_STORE` says. */
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

/**
 * Reaches the store, and makes what it lacks, before the first caller does.
 * What is wrong with it is the log's; it may be right by then.
 */
export async function prepareStore(
  store: SessionStore,
  log: Log,
): Promise<void> {
  try {
    await store.check();
  } catch (error) {
    log.error("store.not_ready", { store: store.name, error });
  }
}

/** What `deno task doctor` says of a store: whether it can be written. */
export async function diagnoseStore(store: SessionStore): Promise<CheckResult> {
  const title = "session store";
  try {
    await store.check();
    return { status: "ok", title, detail: `${store.name} can be written` };
  } catch (error) {
    const fix = store.name === "file"
      ? "set DATA_DIR to a folder that the user who runs Parley may write, on a disk with room; in Docker, a volume of theirs, without :ro"
      : "check SESSION_STORE: is the database running, and may it be written with this address?";
    return { status: "fail", title, detail: explain(error), fix };
  } finally {
    await store.close();
  }
}

/**
 * Warns where what callers say travels to the store so that whoever is on the
 * way can read it. No refusal: a network may be the owner's own.
 *
 * @param sslMode what `PGSSLMODE` says
 */
export function findPlainText(
  store: StoreChoice | undefined,
  sslMode: string | undefined,
): CheckResult | undefined {
  if (store?.type !== "postgres") return undefined;
  const { hostname, searchParams } = new URL(store.url);
  const host = searchParams.get("host") ?? hostname;
  // A path is a socket on this machine.
  if (/^(localhost|127(\.\d+){3}|\[?::1\]?|\/.*)$/.test(host)) return undefined;
  const ssl = searchParams.get("sslmode") ?? searchParams.get("ssl") ??
    sslMode ?? "disable";
  if (!/^(disable|false|0)$/.test(ssl)) return undefined;
  return {
    status: "warn",
    title: "session store",
    detail: `conversations go to ${host} without TLS: whoever is on the way ` +
      "can read them",
    fix: "add ?sslmode=verify-full to the address in SESSION_STORE, or " +
      "?sslmode=require where the server's certificate is its own",
  };
}

/** What is deleted by age, and when. */
export type RetentionOptions = {
  store: SessionStore;
  /** How long a conversation is kept after its last word, in days. 0: for good. */
  days: number;
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** Milliseconds since any moment; no one sets this clock. */
  uptime: () => number;
};

const DAY_MS = 24 * 60 * 60_000;
const SWEEP_EVERY_MS = 60 * 60_000;

/** How far the time of day may move away from how long the process has run: days are counted, so this is little. */
const MAX_JUMP_MS = 60 * 60_000;

/** How many of all conversations one sweep deletes, so that there is time to notice that a clock was wrong when the process began. */
export const MAX_SHARE = 0.1;

/** The time before which a last word is too old. */
export function toOldest(days: number, now: number): Date {
  return new Date(now - days * DAY_MS);
}

/**
 * Deletes what is too old, now and every hour, as far as the clock can be believed.
 *
 * @returns ends it; resolves when the sweep under way is done
 */
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
      const deleted = await store.sweep(toOldest(days, now()), MAX_SHARE);
      if (deleted > 0) log.info("sessions.swept", { deleted, olderThan: days });
    } catch (error) {
      // The next sweep finds what this one left.
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
