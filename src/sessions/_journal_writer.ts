/**
 * A conversation of a journal, open for the records of one turn.
 *
 * @module
 */
import type { JournalLog } from "./_journal_log.ts";
import type { Watcher } from "./_watchers.ts";
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";
import type { OpenOptions, SessionWriter } from "./store.ts";

/** How long a word waits for company: a write of each would keep the engine busy. */
const WORDS_WAIT_MS = 100;

/** Runs one thing at a time on the conversation. */
type InTurn = (task: () => Promise<void>) => Promise<void>;

/** Takes records at once, and has them written behind the turn's back. */
export class JournalWriter implements SessionWriter {
  readonly #log: JournalLog;
  readonly #inTurn: InTurn;
  readonly #onClose: () => void;
  readonly #watcher: Watcher;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed: Promise<void> | undefined;

  /** Watches the conversation until it is closed. */
  constructor(
    log: JournalLog,
    inTurn: InTurn,
    onClose: () => void,
    options?: OpenOptions,
  ) {
    this.#log = log;
    this.#inTurn = inTurn;
    this.#onClose = onClose;
    this.#watcher = log.watchers.join(options);
  }

  /** As {@linkcode SessionWriter.session}. */
  get session(): Session {
    return this.#log.session;
  }

  /** As {@linkcode SessionWriter.add}. */
  add(record: SessionRecord): void {
    if (this.#watcher.failure) throw this.#watcher.failure;
    if (!this.#watcher.isWanted) return;
    this.#log.push(record, this.#watcher);
    if (record.type !== "assistant") this.#write();
    else this.#timer ??= setTimeout(() => this.#write(), WORDS_WAIT_MS);
  }

  /** As {@linkcode SessionWriter.flush}. */
  async flush(): Promise<void> {
    await this.#write();
    if (this.#watcher.failure) throw this.#watcher.failure;
  }

  /** As {@linkcode SessionWriter.look}. */
  look(): Promise<void> {
    return this.#run(() => this.#log.look());
  }

  /** As {@linkcode SessionWriter.close}. */
  close(): Promise<void> {
    return this.#closed ??= this.flush().finally(() => {
      this.#log.watchers.leave(this.#watcher);
      this.#onClose();
    });
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#run(() => this.#log.write());
  }

  /** A write that fails tells all whose records it had; any other fault the next write meets, too. */
  #run(task: () => Promise<void>): Promise<void> {
    return this.#inTurn(task).catch(() => {});
  }
}
