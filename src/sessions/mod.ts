/**
 * The stores, and the one that the settings name. A new one is a file beside
 * this one and an entry in {@linkcode STORES}.
 *
 * @module
 */
import { explain, type Log } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import { MB } from "./_store.ts";
import { file } from "./file.ts";
import { kv } from "./kv.ts";
import { postgres } from "./postgres.ts";
import type { SessionSettings } from "./settings.ts";
import type { SessionStore, StoreKind } from "./store.ts";

/** Every kind of store. */
export const STORES = { file, kv, postgres };

/** What `SESSION_STORE` says. */
export type StoreChoice = NonNullable<
  ReturnType<typeof STORES[keyof typeof STORES]["read"]>
>;

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

/** What a store is made of. */
export interface StoreParts extends SessionSettings {
  /** The folder of what has no place of its own. */
  dataDir: string;
  /** Whether this runs on Deno Deploy, where no file lasts. */
  isDeploy: boolean;
}

/** Makes the store that the settings name. Nothing is opened until it is used. */
export function createStore(config: StoreParts, log: Log): SessionStore {
  const { dataDir, isDeploy, maxSessionMb, cacheMb } = config;
  const choice: StoreChoice = config.sessionStore ??
    { type: isDeploy ? "kv" : "file" };
  const kind: StoreKind = STORES[choice.type];
  return kind.create(choice, {
    ...{ dataDir, isDeploy, cacheBytes: cacheMb * MB },
    maxBytes: maxSessionMb * MB,
    onBadRecord: (record) => log.warn("session.bad_record", { ...record }),
    onCut: (conversationId) => {
      const message = `It takes more than ${maxSessionMb} MB: its oldest ` +
        "part has left the memory; raise MAX_SESSION_MB to keep more of it";
      log.warn("session.cut", { conversationId, message });
    },
  });
}

/** What `deno task doctor` says of a store: whether it can be written. */
export async function diagnoseStore(store: SessionStore): Promise<Finding> {
  const title = "session store";
  try {
    await store.check();
    return { status: "ok", title, detail: `${store.name} can be written` };
  } catch (error) {
    const detail = explain(error);
    return { status: "fail", title, detail, fix: toFix(store.name, detail) };
  } finally {
    await store.close();
  }
}

function toFix(name: string, detail: string): string {
  if (name !== "file") {
    return "check SESSION_STORE: is the database running, and may it be written with this address?";
  }
  return /no space|disk full|not enough space|quota/i.test(detail)
    ? "make room (df -h shows how full the disk is), or set DATA_DIR to a folder on another disk"
    : "set DATA_DIR to a folder that the user who runs Parley may write; in Docker, a volume of theirs, without :ro";
}
