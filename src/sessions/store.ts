/**
 * What keeping conversations means, whatever they are kept in. Every
 * implementation passes `tests/sessions/contract.ts`.
 *
 * @module
 */
import type { Session, SessionRecord } from "./session.ts";

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
   * another. When the promise resolves the records would survive the death of
   * this process.
   *
   * @throws {StoreError} when they can't be written; then none was added
   */
  update(id: string, change: Change): Promise<Session>;
  /**
   * Resolves when the store can be written.
   *
   * @throws {StoreError} when it can't
   */
  check(): Promise<void>;
}

/** A conversation could not be read or written. */
export class StoreError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "StoreError";
}
