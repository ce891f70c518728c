/**
 * One conversation of a journal, as far as it was read, and the records that
 * are on their way into it. What is asynchronous here must be called one after
 * another.
 *
 * @module
 */
import { attempt, toStoreError } from "./_attempt.ts";
import type { Journal, Position } from "./_journal.ts";
import { type Watcher, Watchers } from "./_watchers.ts";
import { fitRecord } from "./fit.ts";
import type { SessionRecord } from "./record.ts";
import { Session } from "./session.ts";
import { type Change, StoreError } from "./store.ts";

/** A record that isn't in the journal yet. */
interface Pending {
  record: SessionRecord;
  /** The turn that it is of; absent: it is wanted whatever others add. */
  watcher?: Watcher;
}

/** A conversation, and what is to be added to it. */
export class JournalLog {
  /** What is in the journal, as far as is known, and what is on its way. */
  session: Session;
  /** The turns at work on it. */
  readonly watchers: Watchers = new Watchers();
  /** Absent: there is none, or nothing was read yet. */
  #position: Position | undefined;
  /** Whether all of it must be read again: at first, and after a fault. */
  #isInDoubt = true;
  #pending: Pending[] = [];

  /** Makes one of which nothing was read yet. */
  constructor(readonly journal: Journal, readonly id: string) {
    this.session = new Session(id);
  }

  /** Whether a turn is at work on it. */
  get isOpen(): boolean {
    return this.watchers.size > 0;
  }

  /** Takes records of a turn, which {@linkcode write} writes. */
  push(record: SessionRecord, watcher: Watcher): void {
    for (const fitting of fitRecord(record)) {
      this.#pending.push({ record: fitting, watcher });
      this.session.apply(fitting);
    }
  }

  /** Looks whether others have added something, by the answer of a write where one is due. */
  look(): Promise<void> {
    return this.#pending.length > 0 ? this.write() : this.refresh();
  }

  /** Brings what is in memory up to the journal, and tells the turns at work. */
  async refresh(): Promise<void> {
    const known = this.#isInDoubt ? undefined : this.#position;
    let found = await this.#read(known);
    if (known && found?.position.generation === known.generation) {
      if (found.position.length === known.length) return;
      const isLonger = found.position.length > known.length;
      if (isLonger && this.#pending.length === 0) {
        for (const record of found.records) this.session.apply(record);
        this.#position = found.position;
        return this.watchers.tell(this.session);
      }
      // What is in memory holds words that come after those of others; or the
      // engine came back without the last of it, from a copy or a backup.
      found = await this.#read();
    }
    const isStillNone = !found && !this.#position && !this.#isInDoubt;
    if (!isStillNone) this.#replace(found);
  }

  /** Asks `change` what to add, and adds it. */
  async update(change: Change): Promise<void> {
    await this.write();
    let isFresh = false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (this.#isInDoubt || attempt > 0) {
        await this.refresh();
        isFresh = true;
      }
      const records = change(this.session).flatMap(fitRecord);
      if (records.length > 0) {
        if (await this.#begin(records)) return;
      } else if (isFresh) return;
      // What was known is old: another instance has added something.
      await pause(attempt);
    }
    throw this.#crowded();
  }

  /** Writes what was taken until now. The turns that it is of are told where that fails. */
  async write(): Promise<void> {
    const last = this.#pending.at(-1);
    try {
      if (last && this.#isInDoubt) await this.refresh();
      for (let misses = 0; last && this.#pending.includes(last);) {
        const batch = this.#pending.slice(0, countOf(this.#pending));
        if (await this.#append(batch.map(({ record }) => record))) {
          this.#pending.splice(0, batch.length);
          continue;
        }
        if (misses === MAX_ATTEMPTS) throw this.#crowded();
        await this.refresh();
        await pause(misses++);
      }
    } catch (cause) {
      const error = toStoreError(`write session "${this.id}"`, cause);
      for (const { watcher } of this.#pending) watcher?.fail(error);
      this.#pending = [];
      this.#isInDoubt = true;
      throw error;
    }
  }

  /** Deletes it. */
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
    this.watchers.tell(this.session, true);
    return wasThere;
  }

  /** Adds an update's records: all or none, where they are no more than one batch. */
  async #begin(records: SessionRecord[]): Promise<boolean> {
    const all = records.map((record): Pending => ({ record }));
    const count = countOf(all);
    if (!await this.#append(records.slice(0, count))) return false;
    for (const record of records) this.session.apply(record);
    this.#pending.unshift(...all.slice(count));
    await this.write();
    return true;
  }

  async #append(records: SessionRecord[]): Promise<boolean> {
    const { id, journal } = this;
    const position = await attempt(
      `write session "${id}"`,
      () => journal.append(id, this.#position, records, crypto.randomUUID()),
    ).catch((error) => {
      // It may have been written all the same: read it afresh next time.
      this.#isInDoubt = true;
      throw error;
    });
    if (position === undefined) return false;
    this.#position = position;
    return true;
  }

  #read(after?: Position): ReturnType<Journal["read"]> {
    const { id, journal } = this;
    return attempt(`read session "${id}"`, () => journal.read(id, after));
  }

  /** Begins again with what the journal holds; what is on its way and still wanted comes after it. */
  #replace(found: Awaited<ReturnType<Journal["read"]>>): void {
    const before = this.#position;
    this.session = new Session(this.id);
    for (const record of found?.records ?? []) this.session.apply(record);
    this.#position = found?.position;
    this.#isInDoubt = false;
    const isDeleted = before !== undefined &&
      before.generation !== found?.position.generation;
    this.watchers.tell(this.session, isDeleted);
    this.#pending = this.#pending.filter(({ watcher }) =>
      watcher ? watcher.isWanted : !isDeleted
    );
    for (const { record } of this.#pending) this.session.apply(record);
  }

  #crowded(): StoreError {
    return new StoreError(
      `Cannot write session "${this.id}": too many write to it at once`,
    );
  }
}

/** How many of these go into one write. */
function countOf(pending: readonly Pending[]): number {
  let bytes = 0;
  const count = pending.findIndex(({ record }) => {
    bytes += encoder.encode(JSON.stringify(record)).length + 1;
    return bytes > MAX_WRITE_BYTES;
  });
  return count === -1 ? pending.length : count;
}

/** A commit of Deno KV may have 800 KiB; one record always fits. */
const MAX_WRITE_BYTES = 600_000;
const encoder = new TextEncoder();

/** Each time one of those who write at once gets its turn. */
const MAX_ATTEMPTS = 100;

/** A moment of a random length, so that two don't meet again; none at first. */
async function pause(attempt: number): Promise<void> {
  if (attempt === 0) return;
  const ms = Math.random() * Math.min(5 * attempt, 50);
  await new Promise((resolve) => setTimeout(resolve, ms));
}
