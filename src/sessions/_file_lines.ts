/**
 * One conversation's file. What a turn waits for is synchronous, except the
 * sync to disk: an asynchronous call is a trip to another thread, which costs
 * some 30 times as much as a small write itself.
 *
 * Whoever decides what to add holds a lock on the file meanwhile. A turn's words
 * are written without it, each at the file's end; that another process has
 * written, too, is noticed by the file's size at the next read.
 *
 * @module
 */
import { builtin } from "../server/builtin.ts";
import type { Lines, News } from "./_store.ts";
import type { Line } from "./record.ts";

/** A file of which everything up to a certain size is known. */
export class FileLines implements Lines {
  /** Which file has the path, as far as is known. Absent: none. */
  #generation: string | undefined;
  /** Open while a turn is at work on it. */
  #file: Deno.FsFile | undefined;
  /** Bytes that were read, or written by this process. */
  #size = 0;
  /** How many of them, at the end, are a line without its end. */
  #torn = 0;
  /** Whether this process has written since the last read: other processes' lines may lie in between. */
  #hasWritten = false;
  #mustSync = false;

  constructor(readonly id: string, readonly path: string) {}

  read(isAnew: boolean, maxBytes: number): News {
    const stat = this.#stat();
    const size = stat?.size ?? 0;
    const generation = stat && size > 0 ? toGeneration(stat) : undefined;
    const isOther = generation !== this.#generation || size < this.#size;
    const isMixed = size !== this.#size && this.#hasWritten;
    const isNext = !isOther && !isMixed && !isAnew;
    if (isOther) this.release();
    if (!isNext) this.#size = this.#torn = 0;
    this.#generation = generation;
    const isCut = size - this.#size > maxBytes;
    if (isCut) this.#size = size - maxBytes;
    const lines = size === this.#size ? [] : this.#readLines(size);
    // Reading began somewhere in it.
    if (isCut) lines.shift();
    this.#hasWritten = false;
    return { which: isCut ? "newest" : isNext ? "next" : "all", lines };
  }

  /** What is known of the file; of one that is open, without a look at its path. */
  #stat(): Deno.FileInfo | undefined {
    const stat = this.#file?.statSync();
    if (stat && stat.nlink !== 0) return stat;
    // Most that aren't open are new. To fail costs 20 times as much as to ask.
    if (!builtin("node:fs").existsSync(this.path)) return undefined;
    try {
      return statFile(this.path);
    } catch (error) {
      return ifGone(error);
    }
  }

  #readLines(size: number): string[] {
    const offset = this.#size - this.#torn;
    const bytes = readRange(this.#open(), offset, size);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const lines = decoder.decode(bytes.subarray(0, end)).split("\n");
    lines.pop();
    this.#size = offset + bytes.length;
    this.#torn = bytes.length - end;
    return lines;
  }

  async append(lines: readonly Line[]): Promise<boolean> {
    const file: Lockable = this.#open();
    // To wait takes a trip to another thread.
    if (!file.tryLockSync?.(true)) await file.lock(true);
    try {
      const stat = file.statSync();
      const isKnown = stat.size === this.#size && stat.nlink !== 0 &&
        (this.#size === 0 || toGeneration(stat) === this.#generation);
      if (!isKnown) return false;
      this.#generation = toGeneration(stat);
      if (lines[0]?.record.type === "deleted") this.#replace(lines);
      else this.write(lines);
    } finally {
      file.unlockSync();
    }
    return true;
  }

  /**
   * Puts a new file in the place of this one, so that at no time a part of it is
   * left. The next look finds another file than the one that is open.
   */
  #replace(lines: readonly Line[]): void {
    const { path } = this;
    const texts = [this.#first, ...lines.map(({ json }) => json)];
    const next = `${path}.new`;
    // One may be left by a process that died, or be a link to elsewhere.
    try {
      Deno.removeSync(next);
    } catch (error) {
      ifGone(error);
    }
    const options = { write: true, createNew: true, mode: 0o600 };
    using file = Deno.openSync(next, options);
    file.writeSync(encode(`${texts.join("\n")}\n`));
    file.syncDataSync();
    Deno.renameSync(next, path);
  }

  write(lines: readonly Line[]): void {
    this.#mustSync = true;
    const file = this.#open();
    this.#generation ??= toGeneration(file.statSync());
    // Ends a line that may be torn, or the new one would be lost with it.
    const isOurs = file.seekSync(0, Deno.SeekMode.End) === this.#size;
    let text = isOurs && this.#torn === 0 ? "" : "\n";
    if (this.#size === 0) text += `${this.#first}\n`;
    for (const { json } of lines) text += `${json}\n`;
    const bytes = encode(text);
    // Should the write fail, a part of it may be there.
    this.#torn = 1;
    let done = file.writeSync(bytes);
    // One call may take only a part.
    while (done < bytes.length) done += file.writeSync(bytes.subarray(done));
    this.#torn = 0;
    this.#size += bytes.length;
    this.#hasWritten = true;
  }

  /** The line that names the conversation, as its id may not be read from the path. */
  get #first(): string {
    return JSON.stringify({ type: "session", version: 1, id: this.id });
  }

  async sync(): Promise<void> {
    if (!this.#mustSync) return;
    this.#mustSync = false;
    await this.#file?.syncData();
  }

  release(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #open(): Deno.FsFile {
    return this.#file ??= openFile(this.path, this.#generation === undefined);
  }
}

/** Opens a file to read it and add to it. A new one is made, and none is where a link leads. */
function openFile(path: string, isNew: boolean): Deno.FsFile {
  const options = {
    append: true,
    // Windows locks nothing that is opened for adding alone.
    read: true,
    // Callers' words are nobody else's on this machine.
    mode: 0o600,
  };
  try {
    if (isNew) return Deno.openSync(path, { ...options, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      makeFolder(path.slice(0, path.lastIndexOf("/")));
    } else if (error instanceof Deno.errors.AlreadyExists) {
      // Made by somebody else just now, unless it is a link that leads nowhere yet.
      statFile(path);
    } else throw error;
  }
  return Deno.openSync(path, { ...options, create: true });
}

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
/** For short texts: to make an array for each costs a turn 100,000 instructions, measured. */
const BUFFER = new Uint8Array(16_384);
const decoder = new TextDecoder();

/** A text's bytes, until the next text is encoded. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > BUFFER.length) return encoder.encode(text);
  return BUFFER.subarray(0, encoder.encodeInto(text, BUFFER).written);
}

/** @throws {Error} when it is a symbolic link, which may lead out of the folder */
function statFile(path: string): Deno.FileInfo {
  const stat = Deno.lstatSync(path);
  if (stat.isSymlink) throw new Error("Its file is a symbolic link");
  return stat;
}

/** For a file that another instance may have deleted meanwhile: finds nothing then. */
export function ifGone(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Tells a file from another that has its name. */
function toGeneration({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino} ${birthtime?.getTime()}`;
}

/** Makes a folder that nobody else on this machine may look into; one that is there stays as it is. */
export function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** A file that can be locked if nobody else has. Deno 2.5 can't. */
type Lockable = Deno.FsFile & { tryLockSync?(exclusive: boolean): boolean };

/** Reads a part of a file, or less where it ends before. */
export function readRange(
  file: Deno.FsFile,
  start: number,
  end: number,
): Uint8Array {
  file.seekSync(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(end - start);
  return bytes.subarray(0, file.readSync(bytes) ?? 0);
}
