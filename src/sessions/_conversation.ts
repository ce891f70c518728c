/**
 * A conversation in memory, and the turns that write to it, on any engine: one
 * task at a time, and one write at a time.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { SessionLines } from "./_store.ts";
import {
  type Line,
  parseRecord,
  type SessionRecord,
  toLines,
} from "./record.ts";
import { Session } from "./session.ts";
import type { Change, OnOthers, SessionWriter } from "./store.ts";

/** How long words wait to be written together: a write for each word would load a remote engine. */
const WORDS_WAIT_MS = 100;

/** How often a turn checks whether another process has added something. */
const LOOK_EVERY_MS = 400;

/** A turn that writes to the conversation. */
interface Writer {
  onOthers: OnOthers;
  /** Whether its records are still to be stored. */
  isWanted: boolean;
  /** Why they can't be stored: the first failure. */
  failure?: unknown;
}

interface ConversationOptions {
  /** About how much to read at most. */
  maxBytes: number;
  onBadRecord: ((id: string) => void) | undefined;
  /** Called when there was more than that, so that only the newest part was read. */
  onCut: ((id: string) => void) | undefined;
  /** Called when the last task or turn is over. */
  onIdle: (conversation: Conversation) => void;
}

/** A conversation as far as it was read, with the records that are still to be written. */
export class Conversation {
  session: Session;
  /** Whether everything must be read again: at first, and after a fault. */
  #mustReadAll = true;
  #pending: (Line & { writer: Writer })[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #writers = new Set<Writer>();
  #last: Promise<unknown> = Promise.resolve();
  /** The number of tasks and turns under way. While there are any, the cache must keep this object. */
  users = 0;

  constructor(
    readonly id: string,
    readonly lines: SessionLines,
    readonly options: ConversationOptions,
  ) {
    this.session = new Session(id);
  }

  /** Runs a task after all earlier ones. */
  run<T>(task: () => Promise<T>): Promise<T> {
    this.users++;
    const result = this.#last.then(task).finally(() => this.#leave());
    // The caller of `run` gets the error; the next task runs all the same.
    this.#last = result.catch(() => {});
    return result;
  }

  #leave(): void {
    if (--this.users > 0) return;
    this.lines.release?.();
    this.options.onIdle(this);
  }

  async #attempt<T>(verb: string, task: () => T | Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (cause) {
      throw this.#toError(verb, cause);
    }
  }

  /** Says what failed and where, since the engine's own error may not. */
  #toError(verb: string, cause: unknown): Error {
    return new Error(`Cannot ${verb} session "${this.id}"`, { cause });
  }

  join(onOthers: OnOthers = () => true): SessionWriter {
    const writer: Writer = { onOthers, isWanted: true };
    this.#writers.add(writer);
    this.users++;
    let closed: Promise<void> | undefined;
    // A failed write is in `failure`; the next write meets any other fault, too.
    const run = (task: () => Promise<void>) => this.run(task).catch(() => {});
    const flush = async () => {
      await run(() => this.flush());
      if (writer.failure) throw writer.failure;
    };
    const look = new Deadline(() =>
      // A write notices other processes, too.
      void run(() => this.#pending.length > 0 ? this.flush() : this.refresh())
        .then(lookLater)
    );
    function lookLater(): void {
      if (closed === undefined) look.set(LOOK_EVERY_MS);
    }
    lookLater();
    const getSession = () => this.session;
    return {
      get session() {
        return getSession();
      },
      add: (record) => this.#add(record, writer),
      flush,
      close: () => {
        look.clear();
        return closed ??= flush().finally(() => {
          this.#writers.delete(writer);
          this.#leave();
        });
      },
    };
  }

  /** Adds a turn's record: writes it at once if the engine can, else soon. */
  #add(record: SessionRecord, writer: Writer): void {
    if (writer.failure) throw writer.failure;
    if (!writer.isWanted || !this.session.accepts(record)) return;
    const lines = toLines(record);
    try {
      this.lines.write?.(lines);
    } catch (cause) {
      this.#mustReadAll = true;
      throw writer.failure = this.#toError("write", cause);
    }
    this.#apply(lines);
    if (this.lines.write) return;
    this.#pending.push(...lines.map((line) => ({ ...line, writer })));
    const write = () => void this.run(() => this.flush()).catch(() => {});
    if (record.type !== "assistant") write();
    else this.#timer ??= setTimeout(write, WORDS_WAIT_MS);
  }

  #apply(lines: readonly Line[]): void {
    for (const { record, json } of lines) {
      // A deletion discards everything before it.
      if (record.type === "deleted") this.session = new Session(this.id);
      this.session.apply(record, json);
    }
  }

  /** Reads what the engine holds beyond the known lines, and informs the turns. */
  async refresh(): Promise<void> {
    const { id, options: { maxBytes, onCut } } = this;
    const read = (all: boolean) =>
      this.#attempt("read", () => this.lines.read(all, maxBytes));
    let found = await read(this.#mustReadAll);
    if (found.which === "next" && found.lines.length === 0) return;
    if (found.which === "next" && this.#pending.length > 0) {
      // Pending records in memory belong after those of other processes.
      found = await read(true);
    }
    if (found.which !== "next") {
      this.session = new Session(id);
      this.#mustReadAll = false;
    }
    if (found.which === "newest") onCut?.(id);
    for (const json of found.lines) this.#applyLine(json);
    for (const writer of this.#writers) {
      writer.isWanted &&= writer.onOthers(this.session);
    }
    this.#pending = this.#pending.filter(({ record, writer }) =>
      writer.isWanted && this.session.accepts(record)
    );
    this.#apply(this.#pending);
  }

  #applyLine(json: string): void {
    if (json === "") return;
    const record = parseRecord(json);
    if (record) return this.#apply([{ record, json }]);
    // An unreadable line may hold what a caller said, so that `delete` must not
    // take the conversation for empty.
    this.session.isEmpty = false;
    this.options.onBadRecord?.(this.id);
  }

  /** Adds the records of a change, except those of deleted turns. */
  async update(change: Change): Promise<void> {
    const decide = () =>
      change(this.session).filter((record) => this.session.accepts(record))
        .flatMap(toLines);
    if (this.#pending.length > 0) await this.flush();
    const isFresh = this.#mustReadAll;
    if (isFresh) await this.refresh();
    // First `change` decides on the state in memory: if that is outdated, `append`
    // adds nothing.
    let lines = await this.#append(decide);
    if (lines.length === 0 && !isFresh) {
      await this.refresh();
      lines = await this.#append(decide);
    }
    this.#apply(lines);
  }

  /** Writes the pending lines. Resolves when all added records would survive a power cut. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      if (this.#pending.length > 0) {
        if (this.#mustReadAll) await this.refresh();
        const { length } = await this.#append(() => [...this.#pending]);
        this.#pending.splice(0, length);
      }
      // If the engine writes within microseconds, it reads as quickly.
      if (this.lines.write) await this.refresh();
      await this.#attempt("write", () => this.lines.sync?.());
    } catch (error) {
      // The records that the turns added may not be stored.
      for (const writer of this.#writers) writer.failure ??= error;
      this.#pending = [];
      this.#mustReadAll = true;
      throw error;
    }
  }

  /** Appends the lines of `decide` and returns them. If another process was first, reads its lines and calls `decide` again. */
  async #append(decide: () => Line[]): Promise<Line[]> {
    while (true) {
      const lines = decide();
      if (lines.length === 0) return lines;
      // If it fails, the lines may have been added all the same.
      this.#mustReadAll = true;
      const append = () => this.lines.append(lines);
      const isAdded = await this.#attempt("write", append);
      this.#mustReadAll = false;
      if (isAdded) return lines;
      await this.refresh();
    }
  }

  /** Deletes the conversation, and stores that it was deleted. Returns whether there was one. */
  async delete(): Promise<boolean> {
    await this.refresh();
    const wasThere = !this.session.isEmpty;
    if (!wasThere && this.session.deletedAt === undefined) return false;
    await this.#append(() =>
      toLines(this.session.toDeleted(new Date().toISOString()))
    );
    // Read again, so that turns learn of the deletion as if another process had
    // done it.
    this.#mustReadAll = true;
    await this.refresh();
    return wasThere;
  }
}
