/**
 * A store on an engine that several instances share. The engine keeps lists of
 * lines and adds to a list only for who knows its end. What was read stays in
 * memory; where another instance was first, it is read and decided again.
 *
 * @module
 */
import { attempt, Log, toStoreError, type Writer } from "./_log.ts";
import { pause } from "./_retry.ts";
import { createStoreOn, type Engine } from "./_store.ts";
import { type Line, toLines } from "./fit.ts";
import { parseRecord } from "./record.ts";
import { Session } from "./session.ts";
import {
  type Change,
  type SessionStore,
  StoreError,
  type StoreOptions,
} from "./store.ts";

/** How far a conversation is known. */
export interface Position {
  /** Another one after it was deleted and began anew. */
  generation: string;
  /** How many lines there are. */
  length: number;
}

/** What is kept of a conversation. */
export interface Found<P extends Position> {
  /** Where it ends. */
  position: P;
  /** Its lines, or those that are news. */
  lines: string[];
}

/** An engine that keeps lists. It may throw what it likes; nothing is lost by that. */
export interface Journal<P extends Position = Position> extends Engine {
  /**
   * Reads what was added after a position; from the start where there is none,
   * or where the generation is another. Nothing for an unknown conversation.
   */
  read(id: string, after?: P): Promise<Found<P> | undefined>;
  /**
   * Adds lines, all or none, durably, if the conversation still ends at the
   * position; without one, if it doesn't exist.
   *
   * @param batch unlike any other: adding the very same batch again, after a
   * connection broke, adds nothing and succeeds
   * @returns the new position; nothing where somebody else was first
   */
  append(
    id: string,
    after: P | undefined,
    lines: readonly string[],
    batch: string,
  ): Promise<P | undefined>;
  delete(id: string): Promise<boolean>;
}

/** Makes a store of an engine. */
export function createJournalStore<P extends Position>(
  journal: Journal<P>,
  { onBadRecord = () => {}, cacheBytes }: StoreOptions = {},
): SessionStore {
  return createStoreOn(
    journal,
    (id) => new JournalLog(id, journal, onBadRecord),
    cacheBytes,
  );
}

/** How long a word waits for company: a write of each would keep the engine busy. */
const WORDS_WAIT_MS = 100;

/** Each time one of those who write at once gets its turn. */
const MAX_MISSES = 100;

/** A value of Deno KV may have 64 KiB; one line always fits. */
const MAX_WRITE_BYTES = 64_000;

/** A line that isn't in the journal yet. */
interface Pending extends Line {
  /** The turn that it is of; absent: it is wanted whatever others add. */
  writer?: Writer;
}

/** A conversation, and what is to be added to it. */
class JournalLog<P extends Position> extends Log {
  /** Absent: there is none, or nothing was read yet. */
  #position: P | undefined;
  /** Whether all of it must be read again: at first, and after a fault. */
  #isInDoubt = true;
  #pending: Pending[] = [];
  /** How often others were first, one time after another. */
  #misses = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    id: string,
    readonly journal: Journal<P>,
    readonly onBadRecord: NonNullable<StoreOptions["onBadRecord"]>,
  ) {
    super(id);
  }

  add(lines: readonly Line[], writer: Writer): void {
    for (const line of lines) {
      this.#pending.push({ ...line, writer });
      this.session.apply(line.record);
    }
    const write = () => void this.run(() => this.flush()).catch(() => {});
    const isWord = lines.at(-1)?.record.type === "assistant";
    if (isWord) this.#timer ??= setTimeout(write, WORDS_WAIT_MS);
    else write();
  }

  /** By the answer of a write where one is due. */
  override look(): Promise<void> {
    return this.#pending.length > 0 ? this.flush() : this.refresh();
  }

  async refresh(): Promise<void> {
    const known = this.#isInDoubt ? undefined : this.#position;
    let found = await this.#read(known);
    if (known && found?.position.generation === known.generation) {
      if (found.position.length === known.length) return;
      const isLonger = found.position.length > known.length;
      if (isLonger && this.#pending.length === 0) {
        this.#take(found, known.length);
        return this.tell();
      }
      // What is in memory holds words that come after those of others; or the
      // engine came back without the last of it, from a copy or a backup.
      found = await this.#read();
    }
    const isStillNone = !found && !this.#position && !this.#isInDoubt;
    if (!isStillNone) this.#replace(found);
  }

  async update(change: Change): Promise<void> {
    await this.flush();
    let isFresh = this.#isInDoubt;
    if (isFresh) await this.refresh();
    while (true) {
      const lines = change(this.session).flatMap(toLines);
      if (lines.length > 0) {
        if (await this.#begin(lines)) return;
      } else if (isFresh) return;
      else await this.refresh();
      isFresh = true;
    }
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const last = this.#pending.at(-1);
    if (!last) return;
    try {
      if (this.#isInDoubt) await this.refresh();
      while (this.#pending.includes(last)) {
        const count = countOf(this.#pending);
        const isKept = await this.#append(this.#pending.slice(0, count));
        if (isKept) this.#pending.splice(0, count);
      }
    } catch (cause) {
      const error = toStoreError(`write session "${this.id}"`, cause);
      for (const { writer } of this.#pending) {
        if (writer) writer.failure ??= error;
      }
      this.#pending = [];
      this.#isInDoubt = true;
      throw error;
    }
  }

  async delete(): Promise<boolean> {
    const { id, journal } = this;
    this.#isInDoubt = true;
    const wasThere = await attempt(
      `delete session "${id}"`,
      () => journal.delete(id),
    );
    this.#replace(undefined);
    return wasThere;
  }

  /** Adds an update's lines: all or none, where they are no more than one batch. */
  async #begin(lines: Line[]): Promise<boolean> {
    const count = countOf(lines);
    if (!await this.#append(lines.slice(0, count))) return false;
    for (const { record } of lines) this.session.apply(record);
    this.#pending.unshift(...lines.slice(count));
    await this.flush();
    return true;
  }

  /** Adds lines if nobody else was first; else reads what they have added. */
  async #append(lines: Line[]): Promise<boolean> {
    const { id, journal } = this;
    const texts = lines.map(({ json }) => json);
    const position = await attempt(
      `write session "${id}"`,
      () => journal.append(id, this.#position, texts, crypto.randomUUID()),
    ).catch((error) => {
      // It may have been written all the same: read it afresh next time.
      this.#isInDoubt = true;
      throw error;
    });
    if (position !== undefined) {
      this.#position = position;
      this.#misses = 0;
      return true;
    }
    if (++this.#misses > MAX_MISSES) {
      throw new StoreError(
        `Cannot write session "${id}": too many write to it at once`,
      );
    }
    await pause(this.#misses);
    await this.refresh();
    return false;
  }

  #read(after?: P): Promise<Found<P> | undefined> {
    const { id, journal } = this;
    return attempt(`read session "${id}"`, () => journal.read(id, after));
  }

  /** Begins again with what the journal holds; what is on its way and still wanted comes after it. */
  #replace(found: Found<P> | undefined): void {
    const before = this.#position;
    const isDeleted = before !== undefined &&
      before.generation !== found?.position.generation;
    this.session = new Session(this.id);
    this.#position = undefined;
    this.#isInDoubt = false;
    if (found) this.#take(found, 0);
    this.tell(isDeleted);
    this.#pending = this.#pending.filter(({ writer }) =>
      writer ? writer.isWanted : !isDeleted
    );
    for (const { record } of this.#pending) this.session.apply(record);
  }

  #take({ position, lines }: Found<P>, start: number): void {
    for (const [n, line] of lines.entries()) {
      const record = parseRecord(line);
      if (record) this.session.apply(record);
      else this.onBadRecord({ id: this.id, number: start + n + 1 });
    }
    this.#position = position;
  }
}

/** How many of these go into one write. */
function countOf(lines: readonly Line[]): number {
  let bytes = 0;
  const count = lines.findIndex(({ json }) => {
    bytes += new TextEncoder().encode(json).length + 1;
    return bytes > MAX_WRITE_BYTES;
  });
  return count === -1 ? lines.length : count;
}
