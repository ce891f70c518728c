/**
 * What a turn holds of the conversation that it writes to.
 *
 * @module
 */
import type { Conversation } from "./_conversation.ts";
import { toLines } from "./fit.ts";
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";
import { type SessionWriter, type StoreError, toStoreError } from "./store.ts";

/** A conversation that is open for the records of one turn. */
export class Writer implements SessionWriter {
  /** Whether its records are still to be kept. */
  isWanted = true;
  /** Why they can't be kept; the first reason counts. */
  failure: StoreError | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    readonly conversation: Conversation,
    readonly onOthers: (session: Session) => boolean,
  ) {}

  get session(): Session {
    return this.conversation.session;
  }

  add(record: SessionRecord): void {
    if (this.failure) throw this.failure;
    if (!this.isWanted) return;
    try {
      this.conversation.add(toLines(record), this);
    } catch (cause) {
      const what = `write session "${this.conversation.id}"`;
      throw this.failure ??= toStoreError(what, cause);
    }
  }

  async flush(): Promise<void> {
    await this.#run(() => this.conversation.flush());
    if (this.failure) throw this.failure;
  }

  look(): Promise<void> {
    return this.#run(() => this.conversation.look());
  }

  close(): Promise<void> {
    return this.#closed ??= this.flush()
      .finally(() => this.conversation.leave(this));
  }

  /** A write that fails is told in `failure`; any other fault the next write meets, too. */
  #run(task: () => Promise<void>): Promise<void> {
    return this.conversation.run(task).catch(() => {});
  }
}
