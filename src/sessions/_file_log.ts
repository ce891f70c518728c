/**
 * One conversation's file. What a turn waits for is synchronous: an
 * asynchronous call is a trip to another thread, and costs some 30 times as
 * much as a small write itself.
 *
 * Decisions are made under a lock. A turn's words are written without one, each
 * at the file's end; that another process has written, too, is noticed by the
 * file's size, which is looked at now and then, not at every word.
 *
 * @module
 */
import { dirname } from "node:path";
import { attempt, Log, toStoreError, type Writer } from "./_log.ts";
import type { FileStoreOptions } from "./file.ts";
import { type Line, toLines } from "./fit.ts";
import { parseRecord } from "./record.ts";
import { Session } from "./session.ts";
import type { Change } from "./store.ts";

/** A file, and the conversation that its lines add up to. */
export class FileLog extends Log {
  /** Open while something is at work on it. */
  #file: Deno.FsFile | undefined;
  /** Which file it is; absent: none is known. */
  #born: string | undefined;
  /** Bytes of it that were read, or written by us. */
  #size = 0;
  /** How many of them, at its end, are a line without its end. */
  #torn = 0;
  /** What was written since the file was last seen to be of that size: lines of others may lie in between. */
  #written: Line[] = [];
  /** Whether a write has failed, and left who knows what. */
  #isInDoubt = false;
  #mustSync = false;

  constructor(
    id: string,
    readonly path: string,
    readonly onBadLine: NonNullable<FileStoreOptions["onBadLine"]>,
  ) {
    super(id);
  }

  refresh(): Promise<void> {
    return attempt(`read session "${this.id}"`, () => this.#catchUp());
  }

  async update(change: Change): Promise<void> {
    let isDone = false;
    while (!isDone) {
      await this.refresh();
      const lines = change(this.session).flatMap(toLines);
      isDone = lines.length === 0 || await this.#append(lines);
    }
  }

  add(lines: readonly Line[], writer: Writer): void {
    if (!this.#file || this.#isInDoubt) this.#catchUp();
    if (writer.isWanted && lines.length > 0) this.#write(lines);
  }

  async flush(): Promise<void> {
    try {
      this.#catchUp();
      if (!this.#mustSync) return;
      this.#mustSync = false;
      await this.#open().syncData();
    } catch (cause) {
      this.#isInDoubt = true;
      const error = toStoreError(`write session "${this.id}"`, cause);
      this.fail(error);
      throw error;
    }
  }

  override sync(): Promise<void> {
    return this.flush();
  }

  delete(): Promise<boolean> {
    return attempt(`delete session "${this.id}"`, () => {
      const wasThere = statOf(this.path) !== undefined;
      if (wasThere) Deno.removeSync(this.path);
      this.#end();
      return wasThere;
    });
  }

  protected override rest(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Adds lines if nothing was added since the file was read; says whether it did. */
  #append(lines: readonly Line[]): Promise<boolean> {
    return attempt(`write session "${this.id}"`, async () => {
      const file = this.#open();
      try {
        if (!tryLock(file)) await file.lock(true);
        const stat = file.statSync();
        const isCurrent = stat.nlink !== 0 && stat.size === this.#size &&
          bornOf(stat) === this.#born;
        if (isCurrent) this.#write(lines);
        else this.rest();
        this.#file?.unlockSync();
        return isCurrent;
      } catch (error) {
        // Unlocks it, too; the next word opens it again.
        this.rest();
        throw error;
      }
    });
  }

  #open(): Deno.FsFile {
    if (this.#file) return this.#file;
    if (this.#born === undefined) makeFolder(dirname(this.path));
    this.#file = Deno.openSync(this.path, {
      append: true,
      // Windows locks nothing that is opened for adding alone.
      read: true,
      create: true,
      // Callers' words are nobody else's on this machine.
      mode: 0o600,
    });
    this.#born ??= bornOf(this.#file.statSync());
    return this.#file;
  }

  /** Adds lines to the file's end, whether or not others do so at the same moment. */
  #write(lines: readonly Line[]): void {
    let text = "";
    if (this.#size === 0) {
      const { id } = this;
      text = `${JSON.stringify({ type: "session", version: 1, id })}\n`;
    }
    // Close a torn line first, or the new one would be lost with it.
    if (this.#torn > 0) text = "\n";
    for (const { json } of lines) text += `${json}\n`;
    const bytes = encode(text);
    try {
      // One call may take only a part.
      for (let done = 0; done < bytes.length;) {
        done += this.#open().writeSync(bytes.subarray(done));
      }
    } catch (error) {
      // Part of it may have been written.
      this.#isInDoubt = true;
      throw error;
    }
    this.#size += bytes.length;
    this.#torn = 0;
    for (const line of lines) {
      this.#written.push(line);
      this.session.apply(line.record);
      // Streamed words come many a second; outliving the process is enough for
      // them. Everything else outlives a power cut too (0.25 ms measured).
      this.#mustSync ||= line.record.type !== "assistant";
    }
  }

  /** Takes in what others have added. */
  #catchUp(): void {
    const stat = statOf(this.path);
    const born = stat && bornOf(stat);
    const size = stat?.size ?? 0;
    const isOther = born !== this.#born || size < this.#size;
    if (this.#born !== undefined && isOther) this.#end();
    this.#born = born;
    const written = this.#written;
    this.#written = [];
    if (size === this.#size && !this.#isInDoubt) return;
    // Lines of ours may come after some of others.
    if (written.length > 0 || this.#isInDoubt) this.#forget();
    const bytes = readRange(this.path, this.#size - this.#torn, size);
    this.#take(bytes);
    this.tell();
    if (written.length > 0) this.#repeat(written, bytes);
  }

  /** Takes in the file's bytes from the last line's end that is known. */
  #take(bytes: Uint8Array): void {
    const offset = this.#size - this.#torn;
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    let start = 0;
    while (start < end) {
      const stop = bytes.indexOf(NEWLINE, start);
      const record = parseRecord(decoder.decode(bytes.subarray(start, stop)));
      if (record) this.session.apply(record);
      else if (stop > start) {
        this.onBadLine({ file: this.path, offset: offset + start });
      }
      start = stop + 1;
    }
    this.#size = offset + bytes.length;
    this.#torn = bytes.length - end;
  }

  /** Writes again what a line has swallowed that another process left without its end. */
  #repeat(written: readonly Line[], bytes: Uint8Array): void {
    const text = `\n${decoder.decode(bytes)}`;
    let at = 0;
    const lost = written.filter(({ json }) => {
      const found = text.indexOf(`\n${json}\n`, at);
      if (found >= 0) at = found + json.length;
      return found < 0;
    });
    if (lost.length > 0) this.#write(lost);
  }

  /** It was deleted, or another file has its name. */
  #end(): void {
    this.rest();
    this.#forget();
    this.#born = undefined;
    this.#written = [];
    this.#mustSync = false;
    this.tell(true);
  }

  #forget(): void {
    this.session = new Session(this.id);
    this.#size = 0;
    this.#torn = 0;
    this.#isInDoubt = false;
  }
}

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
/** One for all short texts: to make one costs more than to fill it. */
const BUFFER = new Uint8Array(16_384);
const decoder = new TextDecoder();

/** A text's bytes, until the next text is encoded. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > BUFFER.length) return encoder.encode(text);
  return BUFFER.subarray(0, encoder.encodeInto(text, BUFFER).written);
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tells a file from another that has its name. */
function bornOf({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino} ${birthtime?.getTime()}`;
}

/** Makes a folder that nobody else on this machine may look into; one that is there stays as it is. */
export function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
}

/**
 * Locks a file if nobody else has, without the trip to another thread that
 * waiting takes. Deno 2.5 can't, and says that it didn't.
 */
function tryLock(
  file: Deno.FsFile & { tryLockSync?(exclusive: boolean): boolean },
): boolean {
  return file.tryLockSync?.(true) ?? false;
}

function readRange(path: string, start: number, end: number): Uint8Array {
  using file = Deno.openSync(path);
  file.seekSync(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
