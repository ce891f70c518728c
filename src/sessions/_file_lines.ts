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
import type { Lines, News } from "./_engine.ts";
import type { Line } from "./fit.ts";

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
  /** How many lines come before those, of those that were read. */
  #count = 0;
  /** What this process has written since the last read: other processes' lines may lie in between. */
  #written = "";
  #mustSync = false;

  constructor(readonly id: string, readonly path: string) {}

  read(isAnew: boolean, maxBytes: number): News {
    const stat = this.#stat();
    const size = stat?.size ?? 0;
    const generation = stat && size > 0 ? toGeneration(stat) : undefined;
    const isOther = generation !== this.#generation || size < this.#size;
    const isMixed = size !== this.#size && this.#written !== "";
    if (isOther) this.release();
    const isNext = !isOther && !isAnew && !isMixed;
    if (!isNext) this.#size = this.#torn = this.#count = 0;
    this.#generation = generation;
    const start = this.#count;
    const isCut = size - this.#size > maxBytes;
    // As much as stays in memory of one that has grown too large.
    if (isCut) this.#size = size - Math.floor(maxBytes / 2);
    const lines = size === this.#size ? [] : this.#readLines(size);
    // Reading began somewhere in it.
    if (isCut) lines[0] = "";
    else if (isMixed && !isOther) lines.push(...this.#repeatLost(lines));
    this.#written = "";
    return { which: isCut ? "newest" : isNext ? "next" : "all", start, lines };
  }

  /** What is known of the file; of one that is open, without a look at its path. */
  #stat(): Deno.FileInfo | undefined {
    const stat = this.#file?.statSync();
    if (stat && stat.nlink !== 0) return stat;
    return ifFound(() => statFile(this.path));
  }

  #readLines(size: number): string[] {
    const offset = this.#size - this.#torn;
    const bytes = readRange(this.path, offset, size) ?? new Uint8Array();
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    const lines = decoder.decode(bytes.subarray(0, end)).split("\n");
    lines.pop();
    this.#size = offset + bytes.length;
    this.#torn = bytes.length - end;
    this.#count += lines.length;
    return lines;
  }

  /** Writes again what was lost with a line that another process left without its end. */
  #repeatLost(found: readonly string[]): string[] {
    const there = new Set(found);
    const lost = this.#written.split("\n").filter((line) =>
      line !== "" && !there.has(line)
    );
    if (lost.length > 0) this.#write(`${lost.join("\n")}\n`, lost.length);
    return lost;
  }

  async append(
    lines: readonly Line[],
    _batch: string,
    isAlone = false,
  ): Promise<boolean> {
    const file = this.#open();
    if (!tryLock(file)) await file.lock(true);
    try {
      const stat = file.statSync();
      const isKnown = stat.size === this.#size && stat.nlink !== 0 &&
        (this.#size === 0 || toGeneration(stat) === this.#generation);
      if (!isKnown) return false;
      this.#generation = toGeneration(stat);
      if (isAlone) this.#replace(lines);
      else this.write(lines);
    } finally {
      file.unlockSync();
    }
    return true;
  }

  /** Puts a new file in the place of this one, so that at no time a part of it is left. */
  #replace(lines: readonly Line[]): void {
    const { id, path } = this;
    const first = { type: "session", version: 1, id };
    const texts = [JSON.stringify(first), ...lines.map(({ json }) => json)];
    const text = `${texts.join("\n")}\n`;
    using file = Deno.openSync(`${path}.new`, {
      write: true,
      create: true,
      truncate: true,
      mode: 0o600,
    });
    file.writeSync(encode(text));
    file.syncDataSync();
    Deno.renameSync(`${path}.new`, path);
    // The next look finds another file than the one that is open, and reads it.
  }

  write(lines: readonly Line[]): void {
    let text = "";
    for (const { json, record } of lines) {
      text += `${json}\n`;
      // Streamed words come many a second; to outlive the process is enough for
      // them. Everything else outlives a power cut.
      this.#mustSync ||= record.type !== "assistant";
    }
    this.#write(text, lines.length);
  }

  #write(text: string, count: number): void {
    const file = this.#open();
    this.#generation ??= toGeneration(file.statSync());
    let before = "";
    if (this.#size === 0) {
      const { id } = this;
      before = `${JSON.stringify({ type: "session", version: 1, id })}\n`;
    } else if (this.#torn > 0) {
      // Ends the torn line, or the new one would be lost with it.
      before = "\n";
    }
    const bytes = encode(before + text);
    // Should the write fail, a part of it may be there.
    this.#torn = 1;
    // One call may take only a part.
    for (let done = 0; done < bytes.length;) {
      done += file.writeSync(bytes.subarray(done));
    }
    this.#torn = 0;
    this.#size += bytes.length;
    this.#count += before === "" ? count : count + 1;
    this.#written += text;
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
    if (this.#file) return this.#file;
    const isNew = this.#generation === undefined;
    try {
      return this.#file = openFile(this.path, isNew);
    } catch (error) {
      if (!isNew) throw error;
      if (error instanceof Deno.errors.NotFound) {
        makeFolder(this.path.slice(0, this.path.lastIndexOf("/")));
      } // Made by somebody else just now, unless it is a link that leads nowhere yet.
      else statFile(this.path);
      return this.#file = openFile(this.path, false);
    }
  }
}

/** Opens a file to read it and add to it. A new one is made, and none is where a link leads. */
function openFile(path: string, isNew: boolean): Deno.FsFile {
  return Deno.openSync(path, {
    append: true,
    // Windows locks nothing that is opened for adding alone.
    read: true,
    ...isNew ? { createNew: true } : { create: true },
    // Callers' words are nobody else's on this machine.
    mode: 0o600,
  });
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

function ifFound<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tells a file from another that has its name. */
function toGeneration({ ino, birthtime }: Deno.FileInfo): string {
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

/** Reads a part of a file, or less where it ends before; nothing where it is gone. */
export function readRange(
  path: string,
  start: number,
  end: number,
): Uint8Array | undefined {
  using file = ifFound(() => Deno.openSync(path));
  if (!file) return undefined;
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
