/**
 * A conversation in memory and the turns that write to it, whatever it is kept
 * in: one task at a time, and one write at a time.
 *
 * @module
 */
import type { Lines } from "./_store.ts";
import {
  type Line,
  parseRecord,
  type SessionRecord,
  toLines,
} from "./record.ts";
import { Session } from "./session.ts";
import {
  attempt,
  type Change,
  type OpenOptions,
  type SessionWriter,
  StoreError,
  toStoreError,
} from "./store.ts";

/** How long a word waits for others: to write each by itself would keep a far engine busy. */
const WORDS_WAIT_MS = 100;

/** How often others may be first until a write is given up. */
const MAX_MISSES = 100;

/** A turn that writes. */
interface Writer {
  onOthers: (session: Session) => boolean;
  /** Whether its records are still to be kept. */
  isWanted: boolean;
  /** Why they can't be kept; the first reason counts. */
  failure?: StoreError;
}

/** How much is read, and who is told of what. */
interface ConversationOptions {
  maxBytes: number;
  onBadRecord: ((id: string) => void) | undefined;
  /** Called when there was more to read than that. */
  onCut: (id: string) => void;
  /** Called when nothing is under way any more. */
  onIdle: (conversation: Conversation) => void;
}

/** A conversation as far as it was read, and what is about to be added. */
export class Conversation {
  /** What is kept, as far as is known, and what is about to be. */
  session: Session;
  /** Whether all must be read again: at first, and after a fault. */
  #isInDoubt = true;
  /** Lines that aren't written yet, each with the turn that it is of. */
  #pending: (Line & { writer: Writer })[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #writers = new Set<Writer>();
  #last: Promise<unknown> = Promise.resolve();
  /** How many tasks and turns are under way. While there are any, it must stay in memory. */
  users = 0;

  constructor(
    readonly id: string,
    readonly lines: Lines,
    readonly options: ConversationOptions,
  ) {
    this.session = new Session(id);
  }

  /** Runs one task at a time, in the order they came. */
  run<T>(task: () => Promise<T>): Promise<T> {
    this.users++;
    const result = this.#last.then(task).finally(() => this.#leave());
    // Whoever gave a task that failed is told; the next one runs all the same.
    this.#last = result.catch(() => {});
    return result;
  }

  #leave(): void {
    if (--this.users > 0) return;
    this.lines.release?.();
    this.options.onIdle(this);
  }

  /** Lets a turn write. */
  join({ onOthers = () => true }: OpenOptions = {}): SessionWriter {
    const writer: Writer = { onOthers, isWanted: true };
    this.#writers.add(writer);
    this.users++;
    let closed: Promise<void> | undefined;
    // A write that fails is told in `failure`; any other fault the next write meets, too.
    const run = (task: () => Promise<void>) => this.run(task).catch(() => {});
    const flush = async () => {
      await run(() => this.flush());
      if (writer.failure) throw writer.failure;
    };
    const getSession = () => this.session;
    return {
      get session() {
        return getSession();
      },
      add: (record) => this.#add(record, writer),
      flush,
      // A write that is due tells of others, too.
      look: () =>
        run(() => this.#pending.length > 0 ? this.flush() : this.refresh()),
      close: () =>
        closed ??= flush().finally(() => {
          this.#writers.delete(writer);
          this.#leave();
        }),
    };
  }

  /** Takes a turn's record: the engine has it when this returns, or soon. */
  #add(record: SessionRecord, writer: Writer): void {
    if (writer.failure) throw writer.failure;
    if (!writer.isWanted || !this.session.takes(record)) return;
    const lines = toLines(record);
    try {
      this.lines.write?.(lines);
    } catch (cause) {
      this.#isInDoubt = true;
      throw writer.failure = toStoreError(`write session "${this.id}"`, cause);
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
      // Nothing of what came before is left in it.
      if (record.type === "deleted") this.session = new Session(this.id);
      this.session.apply(record, json);
    }
  }

  /** Brings what is in memory up to what is kept, and tells the turns of it. */
  async refresh(): Promise<void> {
    const { id, options: { maxBytes, onCut } } = this;
    const read = (isAnew: boolean) =>
      attempt(`read session "${id}"`, () => this.lines.read(isAnew, maxBytes));
    let news = await read(this.#isInDoubt);
    if (news.which === "next" && news.lines.length === 0) return;
    if (news.which === "next" && this.#pending.length > 0) {
      // What is in memory holds words that come after those of others.
      news = await read(true);
    }
    if (news.which !== "next") {
      this.session = new Session(id);
      this.#isInDoubt = false;
    }
    if (news.which === "newest") onCut(id);
    for (const json of news.lines) this.#take(json);
    for (const writer of this.#writers) {
      writer.isWanted &&= writer.onOthers(this.session);
    }
    // What is still to be added comes after what was read.
    this.#pending = this.#pending.filter(({ record, writer }) =>
      writer.isWanted && this.session.takes(record)
    );
    this.#apply(this.#pending);
  }

  #take(json: string): void {
    if (json === "") return;
    const record = parseRecord(json);
    if (record) return this.#apply([{ record, json }]);
    // It may hold what somebody said, and is to be deleted like that.
    this.session.isEmpty = false;
    this.options.onBadRecord?.(this.id);
  }

  /** Adds what a change decides, without what belongs to a deleted conversation. */
  async update(change: Change): Promise<void> {
    const decide = () =>
      change(this.session).filter((record) => this.session.takes(record))
        .flatMap(toLines);
    if (this.#pending.length > 0) await this.flush();
    const isFresh = this.#isInDoubt;
    if (isFresh) await this.refresh();
    // A decision on what is in memory will do: if that is old, nothing is added.
    let lines = await this.#append(decide);
    if (lines.length === 0 && !isFresh) {
      await this.refresh();
      lines = await this.#append(decide);
    }
    this.#apply(lines);
  }

  /** Writes what is pending. Resolves when all that was taken would survive a power cut. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      if (this.#pending.length > 0) {
        if (this.#isInDoubt) await this.refresh();
        const { length } = await this.#append(() => [...this.#pending]);
        this.#pending.splice(0, length);
      }
      // Where a write takes microseconds, so does a look.
      if (this.lines.write) await this.refresh();
      await this.lines.sync?.();
    } catch (cause) {
      // What the turns added may not be kept.
      const error = toStoreError(`write session "${this.id}"`, cause);
      for (const writer of this.#writers) writer.failure ??= error;
      this.#pending = [];
      this.#isInDoubt = true;
      throw error;
    }
  }

  /** Adds the lines that are decided on, and gives them. Where others were first, it reads theirs and asks again. */
  async #append(decide: () => Line[]): Promise<Line[]> {
    const what = `write session "${this.id}"`;
    for (let misses = 0; misses < MAX_MISSES; misses++) {
      const lines = decide();
      if (lines.length === 0) return lines;
      // Where it fails, they may have been added all the same.
      this.#isInDoubt = true;
      const isAdded = await attempt(what, () => this.lines.append(lines));
      this.#isInDoubt = false;
      if (isAdded) return lines;
      await this.refresh();
    }
    throw new StoreError(`Cannot ${what}: too many write to it at once`);
  }

  /** Deletes all of it but what tells later that it was. */
  async delete(): Promise<boolean> {
    await this.refresh();
    const wasThere = !this.session.isEmpty;
    if (!wasThere && this.session.deletedAt === undefined) return false;
    await this.#append(() =>
      toLines(this.session.toDeleted(new Date().toISOString()))
    );
    // Read back, so that turns are told of it as if another process had done it.
    this.#isInDoubt = true;
    await this.refresh();
    return wasThere;
  }
}
