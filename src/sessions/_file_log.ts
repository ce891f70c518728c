/**
 * One conversation's file, as far as it was read. Everything here is
 * synchronous, so that nothing of this process comes in between; another
 * process may, and is noticed by the file's size.
 *
 * @module
 */
import { bornOf, readFrom, readRest, statOf, writeAll } from "./_files.ts";
import { Watchers } from "./_watchers.ts";
import { parseRecord, type SessionRecord } from "./record.ts";
import { Session } from "./session.ts";

/** Told of each line that could not be read. */
export type OnBadLine = (line: { file: string; offset: number }) => void;

/** A file, and the conversation that its lines add up to. */
export class FileLog {
  /** What is in the file, as far as is known. */
  session: Session;
  /** The turns at work on it. */
  readonly watchers: Watchers = new Watchers();
  /** Whether it was deleted, or another file has its name: then this is of no use any more. */
  isGone = false;
  /** Which file it is; absent: there is none yet. */
  #born: string | undefined;
  /** Bytes of the file that the session holds. */
  #offset = 0;
  /** Bytes after them: a line without its end. */
  #torn = 0;
  /** Whether a write has failed, and left who knows what. */
  #isInDoubt = false;

  /** Makes one of which nothing was read yet. */
  constructor(
    readonly id: string,
    readonly path: string,
    readonly onBadLine: OnBadLine,
  ) {
    this.session = new Session(id);
  }

  /** Whether a turn is at work on it. */
  get isOpen(): boolean {
    return this.watchers.size > 0;
  }

  /** Takes in what others have added, and tells the turns at work of it. */
  catchUp(file?: Deno.FsFile): void {
    const stat = file ? file.statSync() : statOf(this.path);
    const born = stat && bornOf(stat);
    const size = stat?.size ?? 0;
    if (
      stat?.nlink === 0 || size < this.#offset ||
      born !== (this.#born ?? born)
    ) {
      return this.end();
    }
    this.#born = born;
    if (this.#isInDoubt) this.#forget();
    if (size <= this.#offset + this.#torn) return;
    this.#take(
      file ? readRest(file, this.#offset) : readFrom(this.path, this.#offset),
    );
    this.watchers.tell(this.session);
  }

  /**
   * Adds records to the file, which is open. Others may do so at the same
   * moment; the file's order is then that of the session, too.
   */
  append(file: Deno.FsFile, records: readonly SessionRecord[]): void {
    if (this.#isInDoubt) this.catchUp(file);
    if (this.isGone || records.length === 0) return;
    const lines = records.map((record) => JSON.stringify(record) + "\n");
    const start = this.#offset + this.#torn;
    if (start === 0) {
      const header: SessionRecord = {
        type: "session",
        version: 1,
        id: this.id,
      };
      lines.unshift(JSON.stringify(header) + "\n");
    }
    // Close a torn line first, or the new one would be lost with it.
    if (this.#torn > 0) lines.unshift("\n");
    const text = lines.join("");
    const bytes = encoder.encode(text);
    try {
      writeAll(file, bytes);
      const stat = file.statSync();
      if (stat.nlink === 0) return this.end();
      if (stat.size === start + bytes.length) {
        this.#born ??= bornOf(stat);
        this.#offset = stat.size;
        this.#torn = 0;
        for (const record of records) this.session.apply(record);
        return;
      }
      const rest = readRest(file, this.#offset);
      this.#take(rest);
      this.watchers.tell(this.session);
      // A line that another process left without its end has swallowed ours.
      const isWhole = `\n${decoder.decode(rest)}`.includes(`\n${text}`);
      if (!isWhole) this.append(file, records);
    } catch (error) {
      // Part of it may have been written.
      this.#isInDoubt = true;
      throw error;
    }
  }

  /** Counts it as deleted. */
  end(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.session = new Session(this.id);
    this.watchers.tell(this.session, true);
  }

  /** Says that what was written last may not last. */
  doubt(): void {
    this.#isInDoubt = true;
  }

  #forget(): void {
    this.session = new Session(this.id);
    this.#offset = 0;
    this.#torn = 0;
    this.#isInDoubt = false;
  }

  #take(bytes: Uint8Array): void {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    let start = 0;
    while (start < end) {
      const stop = bytes.indexOf(NEWLINE, start);
      const record = parseRecord(decoder.decode(bytes.subarray(start, stop)));
      if (record) this.session.apply(record);
      else if (stop > start) {
        this.onBadLine({ file: this.path, offset: this.#offset + start });
      }
      start = stop + 1;
    }
    this.#offset += end;
    this.#torn = bytes.length - end;
  }
}

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
