/**
 * The stores, by the name that `SESSION_STORE` gives them. A new store is a
 * file beside this one and a line here.
 *
 * @module
 */
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { createFileStore } from "./file.ts";
import type { SessionStore } from "./store.ts";

/** Makes the store that the settings name. */
export function createStore(config: Config, log: Log): SessionStore {
  switch (config.sessionStore) {
    case "file":
      return createFileStore({
        folder: `${config.dataDir}/sessions`,
        onBadLine: (line) => log.warn("session.bad_line", { ...line }),
      });
  }
}
