/**
 * A store on an engine that several instances share. The engine keeps lists of
 * records and adds to a list only for who knows its end; this file keeps what
 * was read in memory, and begins again where another instance was first.
 *
 * @module
 */
import { createSerial } from "./_serial.ts";
import type { SessionRecord } from "./record.ts";
import { Session } from "./session.ts";
import {
  type Change,
  type ListOptions,
  PAGE_SIZE,
  type SessionPage,
  type SessionStore,
  StoreError,
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

/** A conversation as far as it was read. */
interface Entry {
  session: Session;
  /** Absent: there is none yet. */
  position?: Position;
}

/**
 * Makes a store of an engine.
 *
 * @param cached how many conversations stay in memory
 */
export function createJournalStore(
  journal: Journal,
  cached = 1_000,
): SessionStore {
  const serial = createSerial();
  const entries = new Map<string, Entry>();

  function load(id: string): Promise<Session> {
    return serial(id, async () => (await refresh(id)).session);
  }

  function update(id: string, change: Change): Promise<Session> {
    return serial(id, async () => {
      let entry = entries.get(id);
      let isFresh = false;
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (entry === undefined) {
          entry = await refresh(id);
          isFresh = true;
        }
        const records = change(entry.session);
        if (records.length > 0) {
          if (await append(id, entry, records)) return entry.session;
        } else if (isFresh) return entry.session;
        // What was known is old: another instance has added something.
        entry = undefined;
        await pause(attempt);
      }
      throw new StoreError(
        `Cannot write session "${id}": too many write to it at once`,
      );
    });
  }

  /** Brings what is in memory up to the engine. */
  async function refresh(id: string): Promise<Entry> {
    let entry: Entry = entries.get(id) ?? { session: new Session(id) };
    const known = entry.position;
    const what = `read session "${id}"`;
    let found = await attempt(what, () => journal.read(id, known));
    if (found && known && found.position.length < known.length) {
      // The engine came back without the last of it: from a copy, or a backup.
      found = await attempt(what, () => journal.read(id));
      entry = { session: new Session(id) };
    }
    if (found?.position.generation !== known?.generation) {
      entry = { session: new Session(id) };
    }
    if (found) {
      for (const record of found.records) entry.session.apply(record);
      entry.position = found.position;
    }
    remember(id, entry);
    return entry;
  }

  async function append(
    id: string,
    entry: Entry,
    records: readonly SessionRecord[],
  ): Promise<boolean> {
    try {
      const position = await attempt(
        `write session "${id}"`,
        () => journal.append(id, entry.position, records, crypto.randomUUID()),
      );
      if (position === undefined) return false;
      for (const record of records) entry.session.apply(record);
      entry.position = position;
      remember(id, entry);
      return true;
    } catch (error) {
      // It may have been written all the same: read it afresh next time.
      entries.delete(id);
      throw error;
    }
  }

  function remember(id: string, entry: Entry): void {
    entries.delete(id);
    entries.set(id, entry);
    if (entries.size <= cached) return;
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }

  return {
    name: journal.name,
    load,
    update,
    open: () => Promise.reject(new StoreError("Cannot open yet")),
    list: (options: ListOptions = {}) =>
      attempt(
        "list the sessions",
        () => journal.list({ ...options, limit: options.limit ?? PAGE_SIZE }),
      ),
    delete: (id) =>
      serial(id, () => {
        entries.delete(id);
        return attempt(`delete session "${id}"`, () => journal.delete(id));
      }),
    sweep: (before) =>
      attempt("delete old sessions", () => journal.sweep(before)),
    check: () => attempt(`reach the ${journal.name} store`, journal.check),
    close: () => journal.close(),
  };
}

/** Each time one of those who write at once gets its turn. */
const MAX_ATTEMPTS = 100;

/** A moment of a random length, so that two don't meet again; none at first. */
async function pause(attempt: number): Promise<void> {
  if (attempt === 0) return;
  const ms = Math.random() * Math.min(5 * attempt, 50);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function attempt<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(`Cannot ${what}: ${reason}`, { cause });
  }
}
