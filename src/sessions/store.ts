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

/** A place where conversations are kept. */
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
   * for an engine that didn't answer in time, which may add them all later
   */
  update(id: string, change: Change): Promise<Session>;
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
}

/** How many conversations a page holds where nobody says. */
export const PAGE_SIZE = 50;

/** A conversation could not be read or written. */
export class StoreError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "StoreError";
}
