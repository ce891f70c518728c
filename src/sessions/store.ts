/**
 * What keeping conversations means, whatever they are kept in. Every store
 * passes `tests/sessions/contract.ts`.
 *
 * @module
 */
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";

/** Decides, from a conversation as it stands, what is to be added to it. */
export type Change = (session: Session) => readonly SessionRecord[];

/** A place where conversations are kept. What fails rejects with a {@linkcode StoreError}. */
export interface SessionStore {
  /** As `SESSION_STORE` spells it. */
  readonly name: string;
  /**
   * Reads a conversation; one that was never written has no turns. It is the
   * store's own copy: read it, don't write to it.
   */
  load(id: string): Promise<Session>;
  /**
   * Adds to a conversation. `change` sees everything that was added before, and
   * is asked again where another process was first; its last answer counts. When
   * the promise resolves, the records would survive a power cut. When it
   * rejects, none was added, except by an engine that didn't answer in time.
   */
  update(id: string, change: Change): Promise<Session>;
  /**
   * As {@linkcode update}, and leaves the conversation open for the turn that
   * begins with it. What `change` adds is sure to survive a power cut only when
   * {@linkcode SessionWriter.flush} resolves. Close what it gives.
   */
  open(
    id: string,
    change: Change,
    options?: OpenOptions,
  ): Promise<SessionWriter>;
  /**
   * Lists conversations, a page at a time, the newest first: by their last
   * words or their first, whichever the engine can tell at once.
   */
  list(options?: ListOptions): Promise<SessionPage>;
  /**
   * Deletes a conversation, and remembers that it did: of what comes late,
   * nothing is kept. A new turn begins it anew. Gives whether there was one.
   */
  delete(id: string): Promise<boolean>;
  /**
   * Deletes the conversations to which nothing was added since a time, and what
   * is remembered of deleted ones.
   *
   * @param maxShare how many of all there are, from 0 to 1. Default 1
   * @returns how many
   */
  sweep(before: Date, maxShare?: number): Promise<number>;
  /** Resolves when the store can be written. */
  check(): Promise<void>;
  /** Closes connections and files. The store can't be used after. */
  close(): Promise<void>;
}

/** How a store is to be used. */
export interface StoreOptions {
  /** Told of each record that can't be read, by the conversation's id. */
  onBadRecord?: (id: string) => void;
  /** Told once of a conversation whose oldest turns are in memory no more. */
  onCut?: (id: string) => void;
  /** How much memory conversations may take that stay there. Default 64 MB. */
  cacheBytes?: number;
  /** How much of it one conversation may take; then its newest part stays. Default 16 MB. */
  maxBytes?: number;
}

/** A kind of store, as `SESSION_STORE` names it. */
export interface StoreKind<Choice extends { type: string } = { type: string }> {
  /** What `SESSION_STORE` may say, each with what it means, in Markdown. */
  readonly forms: Readonly<Record<string, string>>;
  /** Reads what `SESSION_STORE` says; nothing where that names another kind. Throws where it can't be used. */
  read(text: string, env: string): Choice | undefined;
  /** Makes the store. Nothing is opened until it is used. */
  create(choice: Choice, place: StorePlace): SessionStore;
}

/** How a store is to be used, and where one lies that has no place of its own. */
export interface StorePlace extends StoreOptions {
  /** The only folder that may be written. */
  dataDir: string;
  /** Whether this runs on Deno Deploy, where no file lasts. */
  isDeploy: boolean;
}

/** How to open a conversation. */
export interface OpenOptions {
  /**
   * Called when another process has added to the conversation (never for what
   * this one added), and when anybody has deleted it. Gives whether the writer's
   * records are still wanted; those of a deleted conversation never are.
   */
  onOthers?: (session: Session) => boolean;
}

/** A conversation that is open for one turn. Once a write has failed, each call says so. */
export interface SessionWriter {
  /** All that was added, also what is still on its way. Ask for it anew each time. */
  readonly session: Session;
  /**
   * Takes a record, at once and in order. The file store has written it when
   * this returns; any other begins to write words within 100 ms and all else
   * now, one write at a time.
   */
  add(record: SessionRecord): void;
  /** Resolves when all that was added would survive a power cut. */
  flush(): Promise<void>;
  /**
   * Looks whether others have added something, which {@linkcode add} alone may
   * not notice. A fault of the store is left to the next write to report.
   */
  look(): Promise<void>;
  /** Flushes, and leaves the conversation whatever happens. May be called twice. */
  close(): Promise<void>;
}

/** Which page of a list: how long, by default {@linkcode PAGE_SIZE}, and after which other page's cursor. */
export type ListOptions = { limit?: number; cursor?: string };

/** One page of a list, and where the next begins; absent on the last. */
export type SessionPage = { sessions: SessionInfo[]; cursor?: string };

/** What a list tells of a conversation. */
export type SessionInfo = {
  id: string;
  /** When it began or was last added to, ISO 8601. */
  at: string;
  /** The caller's first 120 letters; absent where they said nothing yet. */
  preview?: string | undefined;
};

/** How many conversations a page holds where nobody says. */
export const PAGE_SIZE = 50;

/** A conversation could not be read or written. */
export class StoreError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "StoreError";
}

/** Runs a task; whatever it throws becomes a {@linkcode StoreError} that says what was tried. */
export async function attempt<T>(
  what: string,
  task: () => T | Promise<T>,
): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    throw toStoreError(what, cause);
  }
}

/** Says what was tried and failed; an error that says so already stays as it is. */
export function toStoreError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  // An error of several addresses that all failed has no words of its own.
  const [first] = cause instanceof AggregateError ? cause.errors : [cause];
  const reason = first instanceof Error ? first.message : String(first);
  return new StoreError(`Cannot ${what}: ${reason}`, { cause });
}
