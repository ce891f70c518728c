/**
 * The lines of one conversation's file. What a turn waits for is synchronous,
 * except the sync to disk: an asynchronous call goes to another thread, which
 * costs some 30 times as much as a small write itself.
 *
 * `append` holds a lock on the file. `write`, for a turn's words, needs none: each
 * write goes to the file's end, and the next read notices by the file's size if
 * another process has written, too.
 *
 * @module
 */
import { builtin } from "../server/builtin.ts";
import type { ReadLines, SessionLines } from "./_store.ts";
import type { Line } from "./record.ts";

/** A file of which everything up to a certain size is known. */
export class FileLines implements SessionLines {
  /** Identifies the file that had the path when it was last looked at. Absent: none had it. */
  #generation: string | undefined;
  /** Open while a turn is under way. */
  #file: Deno.FsFile | undefined;
  #size = 0;
  /** How many bytes at the end belong to an incomplete line. */
  #torn = 0;
  /** Whether this process has written since the last read. Other processes' lines may lie in between. */
  #hasWritten = false;
  #mustSync = false;

  constructor(readonly id: string, readonly path: string) {}

  read(mustReadAll: boolean, maxBytes: number): ReadLines {
    const stat = this.#stat();
    const size = stat?.size ?? 0;
    const generation = stat && size > 0 ? toGeneration(stat) : undefined;
    const isOther = generation !== this.#generation || size < this.#size;
    const isMixed = size !== this.#size && this.#hasWritten;
    const isNext = !isOther && !isMixed && !mustReadAll;
    if (!isNext) this.#size = this.#torn = 0;
    this.#generation = generation;
    const isCut = size - this.#size > maxBytes;
    if (isCut) this.#size = size - maxBytes;
    const lines = size === this.#size ? [] : this.#readLines(size);
    // The first line is incomplete: reading began somewhere inside it.
    if (isCut) lines.shift();
    this.#hasWritten = false;
    return { which: isCut ? "newest" : isNext ? "next" : "all", lines };
  }

  /** Returns the file's metadata, from the open file if there is one; `undefined` if there is no file. */
  #stat(): Deno.FileInfo | undefined {
    const stat = this.#file?.statSync();
    if (stat && stat.nlink !== 0) return stat;
    // What is written to a file that was deleted would be lost.
    this.release();
    // A file that isn't open mostly doesn't exist yet. A failing `lstat` costs 20
    // times as much as `existsSync`.
    if (!builtin("node:fs").existsSync(this.path)) return undefined;
    try {
      return statFile(this.path);
    } catch (error) {
      return ignoreNotFound(error);
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
    // Waiting for the lock needs another thread.
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
   * Replaces the file by a new one in a single step, so that no process finds it
   * half deleted. The next read notices that the open file is no longer this one.
   */
  #replace(lines: readonly Line[]): void {
    const { path } = this;
    const texts = [this.#first, ...lines.map(({ json }) => json)];
    const next = `${path}.new`;
    // A process that died may have left one, or it may be a link to elsewhere.
    try {
      Deno.removeSync(next);
    } catch (error) {
      ignoreNotFound(error);
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
    // A newline ends an incomplete last line; without it, the new line would be
    // lost, too.
    const isOurs = file.seekSync(0, Deno.SeekMode.End) === this.#size;
    let text = isOurs && this.#torn === 0 ? "" : "\n";
    if (this.#size === 0) text += `${this.#first}\n`;
    for (const { json } of lines) text += `${json}\n`;
    const bytes = encode(text);
    // If the write fails, a part of it may be in the file.
    this.#torn = 1;
    let done = file.writeSync(bytes);
    // One call may write only a part.
    while (done < bytes.length) done += file.writeSync(bytes.subarray(done));
    this.#torn = 0;
    this.#size += bytes.length;
    this.#hasWritten = true;
  }

  /** The file's first line. It holds the id, since the path may hold only a hash of it. */
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

/** Opens a file to read and append. Creates it if it is missing, but never through a link. */
function openFile(path: string, isNew: boolean): Deno.FsFile {
  const options = {
    append: true,
    // Windows locks no file that is opened for appending alone.
    read: true,
    // No other user of this machine may read callers' words.
    mode: 0o600,
  };
  try {
    if (isNew) return Deno.openSync(path, { ...options, createNew: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      makeFolder(path.slice(0, path.lastIndexOf("/")));
    } else if (error instanceof Deno.errors.AlreadyExists) {
      // Another process has just created it, unless it is a dangling link.
      statFile(path);
    } else throw error;
  }
  return Deno.openSync(path, { ...options, create: true });
}

const NEWLINE = 0x0a;
const encoder = new TextEncoder();
/** Reused for short texts: a new array for each costs a turn 100,000 instructions, measured. */
const BUFFER = new Uint8Array(16_384);
const decoder = new TextDecoder();

/** Encodes a text. The result is valid until the next text is encoded. */
function encode(text: string): Uint8Array {
  if (text.length * 3 > BUFFER.length) return encoder.encode(text);
  return BUFFER.subarray(0, encoder.encodeInto(text, BUFFER).written);
}

/** @throws {Error} if the path is a symbolic link, which may lead out of the folder */
function statFile(path: string): Deno.FileInfo {
  const stat = Deno.lstatSync(path);
  if (stat.isSymlink) throw new Error("Its file is a symbolic link");
  return stat;
}

/** Ignores the error of a file that doesn't exist, since another process may have deleted it; throws any other. */
export function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

/** Identifies a file. A later file at the same path has another value. */
function toGeneration({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino} ${birthtime?.getTime()}`;
}

/** Makes a folder that no other user of this machine may read. An existing folder stays as it is. */
export function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** A file with the method `tryLockSync`, which Deno 2.5 lacks. */
type Lockable = Deno.FsFile & { tryLockSync?(exclusive: boolean): boolean };

/** Reads the bytes from one offset up to another, or to the file's end. */
export function readRange(
  file: Deno.FsFile,
  start: number,
  end: number,
): Uint8Array {
  file.seekSync(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(end - start);
  return bytes.subarray(0, file.readSync(bytes) ?? 0);
}
