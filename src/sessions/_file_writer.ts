/**
 * A conversation's file, open for the records of one turn.
 *
 * @module
 */
import { toStoreError } from "./_attempt.ts";
import type { Cache } from "./_cache.ts";
import type { FileLog } from "./_file_log.ts";
import type { Watcher } from "./_watchers.ts";
import { toLines } from "./fit.ts";
import type { SessionRecord } from "./record.ts";
import type { Session } from "./session.ts";
import type { OpenOptions, SessionWriter, StoreError } from "./store.ts";

/** Writes each record at once, without a lock: each is one write at the file's end. */
export class FileWriter implements SessionWriter {
  readonly #log: FileLog;
  readonly #file: Deno.FsFile;
  readonly #cache: Cache<FileLog>;
  readonly #watcher: Watcher;
  #mustSync = false;
  #synced = Promise.resolve();
  #closed: Promise<void> | undefined;

  /** Takes over an open file, and closes it in the end. */
  constructor(
    log: FileLog,
    file: Deno.FsFile,
    cache: Cache<FileLog>,
    options?: OpenOptions,
  ) {
    this.#log = log;
    this.#file = file;
    this.#cache = cache;
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
    try {
      this.#log.append(this.#file, toLines(record));
    } catch (cause) {
      throw this.#fail(cause);
    }
    // Streamed words come many a second; outliving the process is enough for
    // them. Everything else outlives a power cut too (0.25 ms measured).
    this.#mustSync ||= record.type !== "assistant";
  }

  /** As {@linkcode SessionWriter.flush}. */
  async flush(): Promise<void> {
    if (!this.#log.isGone) {
      try {
        this.#log.catchUp(this.#file);
      } catch (cause) {
        throw this.#fail(cause);
      }
    }
    if (this.#mustSync) {
      this.#mustSync = false;
      this.#synced = this.#file.syncData().catch((cause) => {
        this.#fail(cause);
        this.#log.doubt();
      });
    }
    await this.#synced;
    if (this.#watcher.failure) throw this.#watcher.failure;
  }

  /** As {@linkcode SessionWriter.look}. */
  look(): Promise<void> {
    try {
      if (!this.#log.isGone) this.#log.catchUp(this.#file);
    } catch {
      // The next write meets the same fault, and tells.
    }
    return Promise.resolve();
  }

  /** As {@linkcode SessionWriter.close}. */
  close(): Promise<void> {
    return this.#closed ??= this.flush().finally(() => this.letGo());
  }

  /** Closes the file, whatever may be in it. */
  letGo(): void {
    this.#log.watchers.leave(this.#watcher);
    this.#file.close();
    if (!this.#log.isGone) this.#cache.keep(this.#log.id, this.#log);
  }

  #fail(cause: unknown): StoreError {
    const what = `write session "${this.#log.id}"`;
    return this.#watcher.fail(toStoreError(what, cause));
  }
}
