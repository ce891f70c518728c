/**
 * The stores, by the name that `SESSION_STORE` gives them. A new store is a
 * file beside this one and a line here.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import { MB } from "./_cache.ts";
import { createFileStore } from "./file.ts";
import { createKvStore } from "./kv.ts";
import { createPostgresStore } from "./postgres.ts";
import type { SessionSettings, StoreChoice } from "./settings.ts";
import type { SessionStore } from "./store.ts";

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
  const cacheBytes = config.cacheMb * MB;
  function onBadRecord(record: { id: string }): void {
    log.warn("session.bad_record", { ...record });
  }
  switch (choice.type) {
    case "file":
      return createFileStore({
        folder: `${dataDir}/sessions`,
        cacheBytes,
        onBadLine: (line) => log.warn("session.bad_line", { ...line }),
      });
    case "kv": {
      const path = choice.path ??
        (isDeploy ? undefined : `${dataDir}/sessions.kv`);
      return createKvStore({
        ...(path === undefined ? {} : { path }),
        cacheBytes,
        onBadRecord,
      });
    }
    case "postgres":
      return createPostgresStore({ ...choice, cacheBytes, onBadRecord });
  }
}
