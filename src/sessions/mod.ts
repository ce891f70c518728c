/**
 * The stores, by the name that `SESSION_STORE` gives them. A new store is a
 * file beside this one and a line here.
 *
 * @module
 */
import type { Config } from "../settings/config.ts";
import type { Log } from "../server/log.ts";
import { MB } from "./_store.ts";
import { createFileStore } from "./file.ts";
import { createKvStore } from "./kv.ts";
import { createPostgresStore } from "./postgres.ts";
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

/** Makes the store that the settings name. Nothing is opened until it is used. */
export function createStore(config: Config, log: Log): SessionStore {
  const choice = config.sessionStore;
  const cacheBytes = config.cacheMb * MB;
  function onBadRecord(record: { id: string }): void {
    log.warn("session.bad_record", { ...record });
  }
  switch (choice.type) {
    case "file":
      return createFileStore({
        folder: `${config.dataDir}/sessions`,
        cacheBytes,
        onBadRecord,
      });
    case "kv":
      return createKvStore({ ...choice, cacheBytes, onBadRecord });
    case "postgres":
      return createPostgresStore({ ...choice, cacheBytes, onBadRecord });
  }
}
