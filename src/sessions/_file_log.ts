/**
 * One conversation's file, as far as it was read. Everything here is
 * synchronous, so that nothing of this process comes in between. Another
 * process may: its lines are noticed by the file's size, which is looked at now
 * and then, not at every word.
 *
 * @module
 */
import { bornOf, readFrom, readRest, statOf, writeAll } from "./_files.ts";
import { Watchers } from "./_watchers.ts";
import type { Line } from "./fit.ts";
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
  /** Bytes of the file that were read or written by us. */
  #size = 0;
  /** Bytes at the end of them that are a line without its end. */
  #torn = 0;
  /** What was written since the file was last seen to be of that size: lines of others may lie in between. */
  #written: string[] = [];
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
      stat?.nlink === 0 || size < this.#size ||
      born !== (this.#born ?? born)
    ) {
      return this.end();
    }
    this.#born = born;
    const written = this.#written;
    this.#written = [];
    if (size === this.#size && !this.#isInDoubt) return;
    // Else lines of ours may come after those of others, which come first then.
    if (written.length > 0 || this.#isInDoubt) this.#forget();
    const start = this.#size - this.#torn;
    const bytes = file ? readRest(file, start) : readFrom(this.path, start);
    this.#take(bytes);
    this.watchers.tell(this.session);
    if (written.length > 0 && file) this.#repeat(file, written, bytes);
  }

  /**
   * Adds lines to the file, which is open. Nobody looks whether others do so at
   * the same moment: {@linkcode catchUp} finds out.
   */
  append(file: Deno.FsFile, lines: readonly Line[]): void {
    if (this.#isInDoubt) this.catchUp(file);
    if (this.isGone || lines.length === 0) return;
    this.#write(file, lines.map(({ json }) => `${json}\n`).join(""));
    for (const { record } of lines) this.session.apply(record);
  }

  #write(file: Deno.FsFile, text: string): void {
    const header: SessionRecord = { type: "session", version: 1, id: this.id };
    const before = this.#size === 0
      ? `${JSON.stringify(header)}\n`
      // Close a torn line first, or the new one would be lost with it.
      : this.#torn > 0
      ? "\n"
      : "";
    const bytes = encoder.encode(before + text);
    try {
      writeAll(file, bytes);
    } catch (error) {
      // Part of it may have been written.
      this.#isInDoubt = true;
      throw error;
    }
    this.#written.push(text);
    this.#size += bytes.length;
    this.#torn = 0;
  }

  /** Writes again what a line has swallowed that another process left without its end; it comes late then. */
  #repeat(file: Deno.FsFile, written: string[], bytes: Uint8Array): void {
    const all = `\n${decoder.decode(bytes)}`;
    let at = 0;
    for (const text of written) {
      const found = all.indexOf(`\n${text}`, at);
      if (found >= 0) {
        at = found + text.length;
        continue;
      }
      this.#write(file, text);
      for (const line of text.split("\n")) this.#apply(line);
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
    this.#size = 0;
    this.#torn = 0;
    this.#isInDoubt = false;
  }

  /** Takes in the file's bytes from the last line's end that is known. */
  #take(bytes: Uint8Array): void {
    const offset = this.#size - this.#torn;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    let start = 0;
    while (start < end) {
      const stop = bytes.indexOf(NEWLINE, start);
      const isRecord = this.#apply(decoder.decode(bytes.subarray(start, stop)));
      if (!isRecord && stop > start) {
        this.onBadLine({ file: this.path, offset: offset + start });
      }
      start = stop + 1;
    }
    this.#size = offset + bytes.length;
    this.#torn = bytes.length - end;
  }

  #apply(line: string): boolean {
    const record = parseRecord(line);
    if (record) this.session.apply(record);
    return record !== undefined;
  }
}

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
