/**
 * A conversation in memory and the turns that write to it, whatever it is kept
 * in: one task at a time, and one write at a time.
 *
 * @module
 */
import type { Lines, News } from "./_engine.ts";
import { pause } from "./_retry.ts";
import { Writer } from "./_writer.ts";
import { type Line, toLines } from "./fit.ts";
import { parseRecord } from "./record.ts";
import { Session } from "./session.ts";
import {
  attempt,
  type Change,
  type OpenOptions,
  StoreError,
  type StoreOptions,
  toStoreError,
} from "./store.ts";

/** How long a word waits for others: to write each by itself would keep a far engine busy. */
const WORDS_WAIT_MS = 100;

/** How often others may be first until a write is given up. */
const MAX_MISSES = 100;

/** A line that isn't written yet, and the turn that it is of. */
interface Pending extends Line {
  writer: Writer;
}

/** Who is told of what. */
interface ConversationOptions {
  onBadRecord: StoreOptions["onBadRecord"];
  /** Called when nothing is under way any more. */
  onIdle: (conversation: Conversation) => void;
}

/** A conversation as far as it was read, and what is about to be added. */
export class Conversation {
  /** What is kept, as far as is known, and what is about to be. */
  session: Session;
  /** Whether all must be read again: at first, and after a fault. */
  #isInDoubt = true;
  #pending: Pending[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How often others were first, one time after another. */
  #misses = 0;
  readonly #writers = new Set<Writer>();
  #last: Promise<unknown> = Promise.resolve();
  #tasks = 0;

  constructor(
    readonly id: string,
    readonly lines: Lines,
    readonly options: ConversationOptions,
  ) {
    this.session = new Session(id);
  }

  /** Whether something is under way; then it must stay in memory. */
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
    // Whoever gave a task that failed is told; the next one runs all the same.
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

  #settle(): void {
    if (this.isBusy) return;
    this.lines.release?.();
    this.options.onIdle(this);
  }

  /** Takes a turn's lines: the engine has them when this returns, or soon. */
  add(lines: readonly Line[], writer: Writer): void {
    const { lines: kept } = this;
    try {
      kept.write?.(lines);
    } catch (error) {
      this.#isInDoubt = true;
      throw error;
    }
    for (const line of lines) {
      if (!kept.write) this.#pending.push({ ...line, writer });
      this.session.apply(line.record);
    }
    if (kept.write) return;
    const write = () => void this.run(() => this.flush()).catch(() => {});
    const isWord = lines.at(-1)?.record.type === "assistant";
    if (isWord) this.#timer ??= setTimeout(write, WORDS_WAIT_MS);
    else write();
  }

  /** Brings what is in memory up to what is kept, and tells the turns of it. */
  async refresh(): Promise<void> {
    const { generation } = this.lines;
    let news = await this.#read(this.#isInDoubt);
    if (!this.#isInDoubt && generation === this.lines.generation) {
      if (news.lines.length === 0) return;
      if (news.start > 0 && this.#pending.length === 0) {
        this.#take(news);
        return this.#tellWriters();
      }
    }
    // What is in memory holds words that come after those of others.
    if (news.start > 0) news = await this.#read(true);
    this.#replace(news, generation);
  }

  #read(isAll: boolean): Promise<News> {
    return attempt(`read session "${this.id}"`, () => this.lines.read(isAll));
  }

  /** Begins again with what is kept; what is pending and still wanted comes after it. */
  #replace(news: News, before: string | undefined): void {
    const isDeleted = before !== undefined && before !== this.lines.generation;
    this.session = new Session(this.id);
    this.#isInDoubt = false;
    this.#take(news);
    this.#tellWriters(isDeleted);
    this.#pending = this.#pending.filter(({ writer }) => writer.isWanted);
    for (const { record } of this.#pending) this.session.apply(record);
  }

  #take({ start, lines }: News): void {
    for (const [n, line] of lines.entries()) {
      if (line === "") continue;
      const record = parseRecord(line);
      if (record) this.session.apply(record);
      else this.options.onBadRecord?.({ id: this.id, number: start + n + 1 });
    }
  }

  /** Tells the turns that others have added something, or deleted all of it. */
  #tellWriters(isDeleted = false): void {
    for (const writer of this.#writers) {
      if (!writer.isWanted) continue;
      const isWanted = writer.onOthers(this.session);
      writer.isWanted = isWanted && !isDeleted;
    }
  }

  /** Looks whether others have added something: a write that is due tells it, too. */
  look(): Promise<void> {
    return this.#pending.length > 0 ? this.#writePending() : this.refresh();
  }

  /** Adds what a change decides. */
  async update(change: Change): Promise<void> {
    await this.#writePending();
    // A decision on what is in memory will do: if that is old, nothing is added.
    let isFresh = this.#isInDoubt;
    if (isFresh) await this.refresh();
    while (true) {
      const lines = change(this.session).flatMap(toLines);
      if (lines.length > 0) {
        if (await this.#append(lines)) {
          for (const { record } of lines) this.session.apply(record);
          return;
        }
      } else if (isFresh) return;
      else await this.refresh();
      isFresh = true;
    }
  }

  /** Resolves when all that was taken would survive a power cut. */
  async flush(): Promise<void> {
    await this.#writePending();
    try {
      // Where a write takes microseconds, so does a look.
      if (this.lines.write) await this.refresh();
      await this.lines.sync?.();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #writePending(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const last = this.#pending.at(-1);
    if (!last) return;
    try {
      if (this.#isInDoubt) await this.refresh();
      while (this.#pending.includes(last)) {
        const lines = [...this.#pending];
        if (await this.#append(lines)) this.#pending.splice(0, lines.length);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Tells the turns that what they added may not be kept. */
  #fail(cause: unknown): never {
    const error = toStoreError(`write session "${this.id}"`, cause);
    for (const writer of this.#writers) writer.failure ??= error;
    this.#pending = [];
    this.#isInDoubt = true;
    throw error;
  }

  /** Adds lines if others were not first; else reads what they have added. */
  async #append(lines: readonly Line[]): Promise<boolean> {
    const what = `write session "${this.id}"`;
    const batch = crypto.randomUUID();
    try {
      if (await attempt(what, () => this.lines.append(lines, batch))) {
        this.#misses = 0;
        return true;
      }
    } catch (error) {
      // They may have been added all the same.
      this.#isInDoubt = true;
      throw error;
    }
    if (++this.#misses > MAX_MISSES) {
      throw new StoreError(`Cannot ${what}: too many write to it at once`);
    }
    await pause(this.#misses);
    await this.refresh();
    return false;
  }

  async delete(): Promise<boolean> {
    const { generation } = this.lines;
    this.#isInDoubt = true;
    const wasThere = await attempt(
      `delete session "${this.id}"`,
      () => this.lines.delete(),
    );
    this.#replace({ start: 0, lines: [] }, generation);
    return wasThere;
  }
}
