/**
 * A store on an engine that several instances share. The engine keeps lists of
 * records and adds to a list only for who knows its end; this file keeps what
 * was read in memory, and begins again where another instance was first.
 *
 * @module
 */
import { attempt } from "./_attempt.ts";
import { Cache } from "./_cache.ts";
import { JournalLog } from "./_journal_log.ts";
import { JournalWriter } from "./_journal_writer.ts";
import { createSerial } from "./_serial.ts";
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";
import {
  type Change,
  type ListOptions,
  type OpenOptions,
  PAGE_SIZE,
  type SessionPage,
  type SessionStore,
  type SessionWriter,
} from "./store.ts";

/** How far a conversation is known. */
export interface Position {
  /** Another one after it was deleted and began anew. */
  generation: string;
  /** How many records there are. */
  length: number;
}

/** What an engine must do. It may throw what it likes; nothing is lost by that. */
export interface Journal {
  /** As `SESSION_STORE` spells it. */
  readonly name: string;
  /**
   * Reads what was added after a position; from the start where there is none,
   * or where the generation is another. Nothing for an unknown conversation.
   */
  read(
    id: string,
    after?: Position,
  ): Promise<{ position: Position; records: SessionRecord[] } | undefined>;
  /**
   * Adds records, all or none, durably, if the conversation still ends at the
   * position; without one, if it doesn't exist.
   *
   * @param batch unlike any other: adding the very same batch again, after a
   * connection broke, adds nothing and succeeds
   * @returns the new position; nothing where somebody else was first
   */
  append(
    id: string,
    after: Position | undefined,
    records: readonly SessionRecord[],
    batch: string,
  ): Promise<Position | undefined>;
  /** As {@linkcode SessionStore.list}. */
  list(options: Required<Pick<ListOptions, "limit">> & ListOptions): Promise<
    SessionPage
  >;
  /** As {@linkcode SessionStore.delete}. */
  delete(id: string): Promise<boolean>;
  /** As {@linkcode SessionStore.sweep}. */
  sweep(before: Date): Promise<number>;
  /** As {@linkcode SessionStore.check}. */
  check(): Promise<void>;
  /** As {@linkcode SessionStore.close}. */
  close(): Promise<void>;
}

/** Makes a store of an engine. */
export function createJournalStore(
  journal: Journal,
  cacheBytes?: number,
): SessionStore {
  const serial = createSerial();
  const cache = new Cache<JournalLog>(cacheBytes);

  /** Does one thing at a time on a conversation, which is kept in memory after. */
  function use<T>(
    id: string,
    task: (log: JournalLog) => Promise<T>,
  ): Promise<T> {
    return serial(id, async () => {
      const log = cache.get(id) ?? new JournalLog(journal, id);
      const result = await task(log);
      cache.keep(id, log);
      return result;
    });
  }

  function load(id: string): Promise<Session> {
    return use(id, async (log) => {
      await log.refresh();
      return log.session;
    });
  }

  function update(id: string, change: Change): Promise<Session> {
    return use(id, async (log) => {
      await log.update(change);
      return log.session;
    });
  }

  function open(
    id: string,
    change: Change,
    options?: OpenOptions,
  ): Promise<SessionWriter> {
    return use(id, async (log) => {
      await log.update(change);
      return new JournalWriter(
        log,
        (task) => serial(id, task),
        () => cache.get(id) === log && cache.keep(id, log),
        options,
      );
    });
  }

  function remove(id: string): Promise<boolean> {
    return serial(id, async () => {
      const log = cache.get(id) ?? new JournalLog(journal, id);
      const wasThere = await log.delete();
      cache.delete(id);
      return wasThere;
    });
  }

  return {
    name: journal.name,
    load,
    update,
    open,
    list: (options: ListOptions = {}) =>
      attempt(
        "list the sessions",
        () => journal.list({ ...options, limit: options.limit ?? PAGE_SIZE }),
      ),
    delete: remove,
    sweep: (before) =>
      attempt("delete old sessions", () => journal.sweep(before)),
    check: () => attempt(`reach the ${journal.name} store`, journal.check),
    close: () => journal.close(),
  };
}
