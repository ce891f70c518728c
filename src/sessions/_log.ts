/**
 * A conversation in memory and the turns at work on it, whatever it is kept in.
 *
 * @module
 */
import { type Line, toLines } from "./fit.ts";
import type { SessionRecord } from "./record.ts";
import { Session } from "./session.ts";
import {
  type Change,
  type OpenOptions,
  type SessionWriter,
  StoreError,
} from "./store.ts";

/** A conversation, as far as it was read, and what is on its way into the store. */
export abstract class Log {
  /** What is kept, as far as is known, and what is about to be. */
  session: Session;
  /** Called when nothing is at work on it any more. */
  onRest?: () => void;
  readonly #writers = new Set<Writer>();
  #last: Promise<unknown> = Promise.resolve();
  #tasks = 0;

  constructor(readonly id: string) {
    this.session = new Session(id);
  }

  /** Brings what is in memory up to what is kept, and tells the turns at work of it. */
  abstract refresh(): Promise<void>;

  /** Adds what a change decides. */
  abstract update(change: Change): Promise<void>;

  /** Resolves when what was added would survive a power cut: here at once. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** Takes a turn's lines at once. */
  abstract add(lines: readonly Line[], writer: Writer): void;

  /** Resolves when all that was taken is kept. A fault is told to the turns that it is of, too. */
  abstract flush(): Promise<void>;

  abstract delete(): Promise<boolean>;

  look(): Promise<void> {
    return this.refresh();
  }

  /** Lets go of what is open only while something is at work on it. */
  protected rest(): void {}

  /** Whether something is at work on it; then it must stay in memory. */
  get isBusy(): boolean {
    return this.#tasks > 0 || this.#writers.size > 0;
  }

  /** Runs one task at a time, in the order they came. */
  run<T>(task: () => Promise<T>): Promise<T> {
    this.#tasks++;
    const result = this.#last.then(task).finally(() => {
      this.#tasks--;
      this.#settle();
    });
    // A failed task is its own caller's business; the next one runs all the same.
    this.#last = result.catch(() => {});
    return result;
  }

  join({ onOthers = () => true }: OpenOptions = {}): Writer {
    const writer = new Writer(this, onOthers);
    this.#writers.add(writer);
    return writer;
  }

  leave(writer: Writer): void {
    this.#writers.delete(writer);
    this.#settle();
  }

  /** Tells all writers that others have added something, or deleted it. */
  protected tell(isDeleted = false): void {
    for (const writer of this.#writers) {
      if (!writer.isWanted) continue;
      const isWanted = writer.onOthers(this.session);
      writer.isWanted = isWanted && !isDeleted;
    }
  }

  /** Tells all writers that what they added can't be written. */
  protected fail(error: StoreError): void {
    for (const writer of this.#writers) writer.failure ??= error;
  }

  #settle(): void {
    if (this.isBusy) return;
    this.rest();
    this.onRest?.();
  }
}

/** A conversation that is open for the records of one turn. */
export class Writer implements SessionWriter {
  /** Whether its records are still to be kept. */
  isWanted = true;
  /** Why they can't be; the first reason counts. */
  failure: StoreError | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    readonly log: Log,
    readonly onOthers: (session: Session) => boolean,
  ) {}

  get session(): Session {
    return this.log.session;
  }

  add(record: SessionRecord): void {
    if (this.failure) throw this.failure;
    if (!this.isWanted) return;
    try {
      this.log.add(toLines(record), this);
    } catch (cause) {
      const what = `write session "${this.log.id}"`;
      throw this.failure ??= toStoreError(what, cause);
    }
  }

  async flush(): Promise<void> {
    await this.#run(() => this.log.flush());
    if (this.failure) throw this.failure;
  }

  look(): Promise<void> {
    return this.#run(() => this.log.look());
  }

  close(): Promise<void> {
    return this.#closed ??= this.flush().finally(() => this.log.leave(this));
  }

  /** A write that fails is told in `failure`; any other fault the next write meets, too. */
  #run(task: () => Promise<void>): Promise<void> {
    return this.log.run(task).catch(() => {});
  }
}

/** Does something, and says what it was where it fails. */
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

/** The error that tells what could not be done; one that tells it already stays. */
export function toStoreError(what: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(`Cannot ${what}: ${reason}`, { cause });
}
