/**
 * What all stores share: which conversations are in memory, and one thing at a
 * time on each.
 *
 * @module
 */
import { Cache } from "./_cache.ts";
import { attempt, type Log } from "./_log.ts";
import {
  type ListOptions,
  PAGE_SIZE,
  type SessionPage,
  type SessionStore,
} from "./store.ts";

/** What an engine does besides keeping one conversation. It may throw what it likes. */
export interface Engine
  extends Pick<SessionStore, "name" | "sweep" | "check" | "close"> {
  /** As {@linkcode SessionStore.list}. */
  list(options: ListOptions & { limit: number }): Promise<SessionPage>;
}

/**
 * Makes a store.
 *
 * @param open makes a conversation of which nothing was read yet
 */
export function createStoreOn(
  engine: Engine,
  open: (id: string) => Log,
  cacheBytes?: number,
): SessionStore {
  const cache = new Cache<Log>(cacheBytes);

  function use<T>(id: string, task: (log: Log) => Promise<T>): Promise<T> {
    const log = cache.get(id) ?? open(id);
    log.onRest ??= () => cache.keep(id, log);
    const result = log.run(() => task(log));
    // It is busy now, and so isn't dropped at once.
    cache.keep(id, log);
    return result;
  }

  return {
    name: engine.name,
    load: (id) =>
      use(id, async (log) => {
        await log.refresh();
        return log.session;
      }),
    update: (id, change) =>
      use(id, async (log) => {
        await log.update(change);
        await log.sync();
        return log.session;
      }),
    open: (id, change, options) =>
      use(id, async (log) => {
        await log.update(change);
        if (!options?.isSyncedLater) await log.sync();
        return log.join(options);
      }),
    delete: (id) => use(id, (log) => log.delete()),
    list: (options: ListOptions = {}) =>
      attempt(
        "list the sessions",
        () => engine.list({ limit: PAGE_SIZE, ...options }),
      ),
    sweep: (before) =>
      attempt("delete old sessions", () => engine.sweep(before)),
    check: () =>
      attempt(`reach the ${engine.name} store`, () => engine.check()),
    close: () => engine.close(),
  };
}
