/**
 * A store on an engine that several instances share. The engine keeps lists of
 * lines and adds to a list only for who knows its end. What was read stays in
 * memory; where another instance was first, it is read and decided again.
 *
 * @module
 */
import { attempt, Log, toStoreError, type Writer } from "./_log.ts";
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
  /** As {@linkcode SessionStore.delete}. */
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
const MAX_ATTEMPTS = 100;

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
    for (let misses = 0; misses < MAX_ATTEMPTS; misses++) {
      const isFresh = this.#isInDoubt || misses > 0;
      if (isFresh) await this.refresh();
      const lines = change(this.session).flatMap(toLines);
      if (lines.length > 0 ? await this.#begin(lines) : isFresh) return;
      // What was known is old: another instance has added something.
      await pause(misses);
    }
    throw this.#crowded();
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const last = this.#pending.at(-1);
    try {
      if (last && this.#isInDoubt) await this.refresh();
      for (let misses = 0; last && this.#pending.includes(last);) {
        const batch = this.#pending.slice(0, countOf(this.#pending));
        if (await this.#append(batch)) {
          this.#pending.splice(0, batch.length);
          continue;
        }
        if (misses === MAX_ATTEMPTS) throw this.#crowded();
        await this.refresh();
        await pause(misses++);
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
    this.#position = undefined;
    this.#pending = [];
    this.session = new Session(id);
    this.tell(true);
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
    this.#position = position ?? this.#position;
    return position !== undefined;
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

  #crowded(): StoreError {
    return new StoreError(
      `Cannot write session "${this.id}": too many write to it at once`,
    );
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

/** A moment of a random length, so that two don't meet again; none at first. */
async function pause(misses: number): Promise<void> {
  if (misses === 0) return;
  const ms = Math.random() * Math.min(5 * misses, 50);
  await new Promise((resolve) => setTimeout(resolve, ms));
}
