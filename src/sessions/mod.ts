/**
 * The stores, by the name that `SESSION_STORE` gives them. A new store is a
 * file beside this one and a line here.
 *
 * @module
 */
import { explain, type Log } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import { MB } from "./_store.ts";
import { createFileStore } from "./file.ts";
import { createKvStore } from "./kv.ts";
import { createPostgresStore } from "./postgres.ts";
import type { SessionSettings, StoreChoice } from "./settings.ts";
import type { SessionStore, StoreOptions } from "./store.ts";

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
  const { dataDir, isDeploy } = config;
  const choice: StoreChoice = config.sessionStore ??
    { type: isDeploy ? "kv" : "file" };
  const options: StoreOptions = {
    cacheBytes: config.cacheMb * MB,
    onBadRecord: (record) => log.warn("session.bad_record", { ...record }),
  };
  switch (choice.type) {
    case "file":
      return createFileStore({ folder: `${dataDir}/sessions`, ...options });
    case "kv": {
      const path = choice.path ??
        (isDeploy ? undefined : `${dataDir}/sessions.kv`);
      return createKvStore({
        ...(path === undefined ? {} : { path }),
        ...options,
      });
    }
    case "postgres":
      return createPostgresStore({ ...choice, ...options });
  }
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
