/**
 * The files of the file store: their names, and reading and writing them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
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
        const { mtime } = await statOf(`${folder}/${id}`) ?? {};
        // Gone since the folder was read.
        if (!mtime) return;
        found.push({ id, at: mtime.toISOString(), ms: mtime.getTime() });
      }),
    );
  }
  return found.sort((a, b) => b.ms - a.ms || (a.id < b.id ? 1 : -1));
}

const EXTENSION = ".jsonl";
const STATS_AT_ONCE = 200;

/** The conversation that a file holds; none when its first line is torn. */
export async function idOf(
  folder: string,
  name: string,
): Promise<string | undefined> {
  if (!name.includes("~")) return name.slice(0, -EXTENSION.length);
  const bytes = await readFrom(`${folder}/${name}`, 0);
  const [line = ""] = new TextDecoder().decode(bytes).split("\n", 1);
  const record = parseRecord(line);
  return record?.type === "session" ? record.id : undefined;
}

/** What is known of a file, if it is there. */
export async function statOf(file: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tells a file from another that has its name. */
export function bornOf({ ino, birthtime }: Deno.FileInfo): string {
  return `${ino} ${birthtime?.getTime()}`;
}

/** Opens a file for adding to its end; makes it, and its folder, where they aren't there. */
export async function openToAdd(path: string): Promise<Deno.FsFile> {
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
    return await Deno.open(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(dirname(path), { recursive: true });
    return await Deno.open(path, options);
  }
}

/** A file's bytes from an offset to its end. */
export async function readFrom(
  path: string,
  offset: number,
): Promise<Uint8Array> {
  using file = await Deno.open(path);
  return await readRest(file, offset);
}

/** An open file's bytes from an offset to its end. */
export async function readRest(
  file: Deno.FsFile,
  offset: number,
): Promise<Uint8Array> {
  await file.seek(offset, Deno.SeekMode.Start);
  const size = (await file.stat()).size - offset;
  const bytes = new Uint8Array(Math.max(size, 0));
  let filled = 0;
  while (filled < bytes.length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Writes all of it: one call may take only a part. */
export async function writeAll(
  file: Deno.FsFile,
  bytes: Uint8Array,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await file.write(bytes.subarray(written));
  }
}
