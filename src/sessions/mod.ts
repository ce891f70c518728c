/**
 * The stores, by the name that `SESSION_STORE` gives them. A new store is a
 * file beside this one and a line here.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { Config } from "../settings/config.ts";
import { MB } from "./_store.ts";
import { createFileStore } from "./file.ts";
import { createKvStore } from "./kv.ts";
import { createPostgresStore } from "./postgres.ts";
import type { SessionStore, StoreOptions } from "./store.ts";

/** Makes the store that the settings name. Nothing is opened until it is used. */
export function createStore(
  { sessionStore, dataDir, cacheMb }: Config,
  log: Log,
): SessionStore {
  const options: StoreOptions = {
    cacheBytes: cacheMb * MB,
    onBadRecord: (record) => log.warn("session.bad_record", { ...record }),
  };
  switch (sessionStore.type) {
    case "file":
      return createFileStore({ folder: `${dataDir}/sessions`, ...options });
    case "kv":
      return createKvStore({ ...sessionStore, ...options });
    case "postgres":
      return createPostgresStore({ ...sessionStore, ...options });
  }
}

/**
 * Makes what the store lacks before the first caller needs it. A fault is only
 * logged, since it may pass until then.
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
