/**
 * The turns at work on a conversation, and whether each still wants its records
 * kept.
 *
 * @module
 */
import type { Session } from "./session.ts";
import type { OpenOptions, StoreError } from "./store.ts";

/** One turn at work. */
export class Watcher {
  /** Whether its records are still wanted. */
  isWanted = true;
  /** Why its records can't be written; the first reason counts. */
  failure: StoreError | undefined;

  /** Makes one that is told of others. */
  constructor(readonly onOthers: (session: Session) => boolean) {}

  /** Says that its records can't be written. */
  fail(error: StoreError): StoreError {
    return this.failure ??= error;
  }
}

/** Those of one conversation. */
export class Watchers {
  readonly #all = new Set<Watcher>();

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** Lets one in. */
  join({ onOthers = () => true }: OpenOptions = {}): Watcher {
    const watcher = new Watcher(onOthers);
    this.#all.add(watcher);
    return watcher;
  }

  /** Nothing is told to that one any more. */
  leave(watcher: Watcher): void {
    this.#all.delete(watcher);
  }

  /** Tells all that others have added something, or deleted the conversation. */
  tell(session: Session, isDeleted = false): void {
    for (const watcher of this.#all) {
      if (!watcher.isWanted) continue;
      const isWanted = watcher.onOthers(session);
      watcher.isWanted = isWanted && !isDeleted;
    }
  }
}
