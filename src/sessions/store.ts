/**
 * What keeping conversations means, whatever they are kept in. Every
 * implementation passes `tests/sessions/contract.ts`.
 *
 * @module
 */
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";

/** Decides, from a conversation as it stands, what is to be added to it. */
export type Change = (session: Session) => readonly SessionRecord[];

/**
 * A place where conversations are kept.
 *
 * @example What every store does, here Deno KV in memory
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createKvStore } from "./kv.ts";
 *
 * const store: SessionStore = createKvStore({ path: ":memory:" });
 * const at = new Date().toISOString();
 * await store.update("conv_1", (session) => [
 *   { type: "user", turnId: `turn_${session.turns.length}`, text: "Hello", at },
 * ]);
 * const { turns } = await store.load("conv_1");
 * assertEquals(turns.map(({ user }) => user), ["Hello"]);
 * await store.close();
 * ```
 */
export interface SessionStore {
  /** As `SESSION_STORE` spells it. */
  readonly name: string;
  /**
   * Reads a conversation; one that was never written has no turns. It is the
   * store's own copy: read it, don't write to it.
   *
   * @throws {StoreError} when it can't be read
   */
  load(id: string): Promise<Session>;
  /**
   * Adds to a conversation. `change` sees everything that was added before and
   * nothing is added in between: updates of one conversation happen one after
   * another. Where another process was first, `change` is asked again, and only
   * its last answer counts. When the promise resolves the records would survive the death of
   * this process.
   *
   * @throws {StoreError} when they can't be written; then none was added, but
   * for an engine that didn't answer in time, which may add them all later, and
   * for more than 60 KB at once, of which the beginning may be there
   */
  update(id: string, change: Change): Promise<Session>;
  /**
   * As {@linkcode update}, and leaves the conversation open for the turn that
   * begins with it, also where `change` adds nothing. Close what it gives.
   *
   * @throws {StoreError} as {@linkcode update} does
   */
  open(
    id: string,
    change: Change,
    options?: OpenOptions,
  ): Promise<SessionWriter>;
  /**
   * Lists conversations, a page at a time, the newest first: by their last
   * words or their first, whichever the engine can tell at once.
   *
   * @throws {StoreError} when they can't be read
   */
  list(options?: ListOptions): Promise<SessionPage>;
  /**
   * Forgets a conversation.
   *
   * @returns whether there was one
   * @throws {StoreError} when it can't be forgotten
   */
  delete(id: string): Promise<boolean>;
  /**
   * Forgets conversations to which nothing was added for long.
   *
   * @param before when the last word of those was said at the latest
   * @returns how many
   * @throws {StoreError} when it can't be done; some may be forgotten
   */
  sweep(before: Date): Promise<number>;
  /**
   * Resolves when the store can be written.
   *
   * @throws {StoreError} when it can't
   */
  check(): Promise<void>;
  /** Lets go of connections and files. Nothing may be asked of it after. */
  close(): Promise<void>;
}

/** How a store is to be used. */
export interface StoreOptions {
  /** Told of each record that can't be read; the number counts from 1. */
  onBadRecord?: (record: { id: string; number: number }) => void;
  /** How much memory the conversations may take that stay there. Default 64 MB. */
  cacheBytes?: number;
}

/** How to open a conversation. */
export interface OpenOptions {
  /**
   * Called when another process has added to the conversation (never for what
   * this one added), and when anybody has deleted it; what was said is gone then.
   *
   * @returns whether the writer's records are still wanted. Once they aren't,
   * or the conversation was deleted, later ones are dropped in silence
   */
  onOthers?: (session: Session) => boolean;
  /**
   * Whether to resolve before what `change` adds would survive a power cut, where
   * that takes a moment; {@linkcode SessionWriter.flush} then tells. Default: no.
   */
  isSyncedLater?: boolean;
}

/** A conversation that is open for the records of one turn. */
export interface SessionWriter {
  /** All that was added, also what is still on its way. Ask for it anew each time. */
  readonly session: Session;
  /**
   * Takes a record, at once and in order. A store of files has it in the file
   * when this returns; any other begins to write words within 100 ms and all
   * else now, one write at a time.
   *
   * @throws {StoreError} when it, or one before it, can't be written
   */
  add(record: SessionRecord): void;
  /**
   * Resolves when all that was added would survive the death of this process
   * and, but for words that nothing else came after, a power cut.
   *
   * @throws {StoreError} when some of it can't be written
   */
  flush(): Promise<void>;
  /**
   * Looks whether others have added something, which {@linkcode add} alone may
   * not notice. A store that fails is left to the next write to tell of.
   */
  look(): Promise<void>;
  /**
   * As {@linkcode flush}, and lets go of the conversation whatever happens. May
   * be called twice.
   *
   * @throws {StoreError} as {@linkcode flush} does
   */
  close(): Promise<void>;
}

/** Which page of a list. */
export interface ListOptions {
  /** How many conversations at most. Default {@linkcode PAGE_SIZE}. */
  limit?: number;
  /** Where the page before ended, as it said. Absent: the first page. */
  cursor?: string;
}

/** One page of a list. */
export interface SessionPage {
  /** Newest first. */
  sessions: SessionInfo[];
  /** Where the next page begins; absent on the last. */
  cursor?: string;
}

/** What a list tells of a conversation. */
export interface SessionInfo {
  /** The conversation's id. */
  id: string;
  /** When it began or was last added to, ISO 8601. */
  at: string;
  /** The caller's first words, {@linkcode PREVIEW_LENGTH} characters at most; absent where they said nothing yet. */
  preview?: string;
}

/** How much of the caller's first words a list shows. */
export const PREVIEW_LENGTH = 120;

/** How many conversations a page holds where nobody says. */
export const PAGE_SIZE = 50;

/** A conversation could not be read or written. */
export class StoreError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "StoreError";
}
