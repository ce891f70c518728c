/**
 * The files of the file store: their names, and reading and writing them. What
 * a turn waits for is synchronous: an asynchronous call is a trip to another
 * thread, and costs some 30 times as much as a small write itself.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { toPreview } from "./_page.ts";
import { parseRecord } from "./record.ts";
import type { SessionInfo } from "./store.ts";

/**
 * The file of a conversation. Ids come from outside, so they are never paths:
 * one that isn't plainly safe on every file system becomes a hash. Capitals
 * aren't safe, because some file systems take `A` and `a` for one name.
 */
export function pathOf(folder: string, id: string): string {
  const safe = /^[a-z0-9][a-z0-9_-]{0,99}$/.test(id) && !RESERVED.test(id);
  return `${folder}/${safe ? id : hashedName(id)}${EXTENSION}`;
}

/** A readable beginning and a hash; `~` keeps it apart from every safe id. */
function hashedName(id: string): string {
  const hash = createHash("sha256").update(id).digest("hex").slice(0, 32);
  const hint = id.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").slice(0, 40);
  return `${hint}~${hash}`;
}

/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/;

/** The files of a folder by name, the last written first. */
export async function listFiles(folder: string): Promise<SessionInfo[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(EXTENSION)) names.push(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const found: { id: string; at: string; ms: number }[] = [];
  for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
    await Promise.all(
      names.slice(start, start + STATS_AT_ONCE).map(async (id) => {
        const { mtime } = await ifFound(Deno.stat(`${folder}/${id}`)) ?? {};
        // Gone since the folder was read.
        if (!mtime) return;
        found.push({ id, at: mtime.toISOString(), ms: mtime.getTime() });
      }),
    );
  }
  return found.sort((a, b) => b.ms - a.ms || (a.id < b.id ? 1 : -1))
    .map(({ id, at }) => ({ id, at }));
}

const EXTENSION = ".jsonl";
const STATS_AT_ONCE = 200;

/**
 * Which conversation a file holds and how it begins, from the file's own
 * beginning. Nothing when it is gone, or its first line torn.
 */
export async function describeFile(
  folder: string,
  name: string,
): Promise<Omit<SessionInfo, "at"> | undefined> {
  let found: Omit<SessionInfo, "at"> | undefined;
  for (const length of HEAD_BYTES) {
    const head = await ifFound(readHead(`${folder}/${name}`, length));
    // Gone, or opened for a turn that has said nothing yet.
    if (head === undefined || head.length === 0) return undefined;
    const lines = new TextDecoder().decode(head).split("\n").slice(0, -1);
    const records = lines.map(parseRecord);
    const [first] = records;
    const id = first?.type === "session"
      ? first.id
      : name.slice(0, -EXTENSION.length);
    if (first?.type === "session" || !name.includes("~")) {
      found = { id, ...toPreview(records) };
    }
    if (found?.preview || head.length < length) break;
  }
  return found;
}

/** Enough for most; and, where the first lines are long, for two of the longest records. */
const HEAD_BYTES = [4_096, 131_072];

async function readHead(path: string, length: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

async function ifFound<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What is known of a file, if it is there. */
export function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tells a file from another that has its name. */
export function bornOf({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino} ${birthtime?.getTime()}`;
}

/** Makes a folder that nobody else on this machine may look into; one that is there stays as it is. */
export function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Opens a file for adding to its end; makes it, and its folder, where they aren't there. */
export function openToAdd(path: string): Deno.FsFile {
  const options: Deno.OpenOptions = {
    append: true,
    // While it is locked, Windows lets nobody read it but through this; and it
    // locks nothing that is opened for adding alone.
    read: true,
    create: true,
    // Callers' words are nobody else's on this machine.
    mode: 0o600,
  };
  try {
    return Deno.openSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    makeFolder(dirname(path));
    return Deno.openSync(path, options);
  }
}

/**
 * Locks a file if nobody else has, without the trip to another thread that
 * waiting for it takes. Deno 2.5 can't, and says that it didn't.
 */
export function tryLock(
  file: Deno.FsFile & { tryLockSync?(exclusive: boolean): boolean },
): boolean {
  return file.tryLockSync?.(true) ?? false;
}

/** A file's bytes from an offset to its end. */
export function readFrom(path: string, offset: number): Uint8Array {
  using file = Deno.openSync(path);
  return readRest(file, offset);
}

/** An open file's bytes from an offset to its end. */
export function readRest(file: Deno.FsFile, offset: number): Uint8Array {
  file.seekSync(offset, Deno.SeekMode.Start);
  const size = file.statSync().size - offset;
  const bytes = new Uint8Array(Math.max(size, 0));
  let filled = 0;
  while (filled < bytes.length) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Writes all of it: one call may take only a part. */
export function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    written += file.writeSync(bytes.subarray(written));
  }
}
