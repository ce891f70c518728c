/**
 * Conversations as JSON Lines files, one file a conversation and one record a
 * line, only ever appended to. A process that dies in mid-write leaves a torn
 * last line, and loses that line only.
 *
 * What was read stays in memory, and only what a file gained since is read
 * again, so that a turn costs the same however long the conversation is.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { toPage } from "./_page.ts";
import { createSerial } from "./_serial.ts";
import { parseRecord, Session, type SessionRecord } from "./session.ts";
import {
  type Change,
  type ListOptions,
  type SessionInfo,
  type SessionPage,
  type SessionStore,
  StoreError,
} from "./store.ts";

/** Where the files lie. */
export interface FileStoreOptions {
  /** Made when it isn't there. */
  folder: string;
  /** Told of each line that could not be read. */
  onBadLine?: (line: { file: string; offset: number }) => void;
  /** How many conversations stay in memory. Default 1,000. */
  cached?: number;
}

/** A conversation as far as its file was read. */
interface Entry {
  session: Session;
  /** Bytes of the file that {@linkcode Entry.session} holds. */
  offset: number;
  /** Bytes after them: a line without its end. */
  torn: number;
}

/** Makes a store on a folder. Touches nothing until it is used. */
export function createFileStore(options: FileStoreOptions): SessionStore {
  const { folder, onBadLine = () => {}, cached = 1_000 } = options;
  const serial = createSerial();
  const entries = new Map<string, Entry>();

  function load(id: string): Promise<Session> {
    return serial(id, async () => (await read(id)).session);
  }

  function update(id: string, change: Change): Promise<Session> {
    return serial(id, async () => {
      const entry = await read(id);
      const records = change(entry.session);
      if (records.length > 0) {
        await append(id, entry, records);
        for (const record of records) entry.session.apply(record);
      }
      return entry.session;
    });
  }

  /** Brings what is in memory up to the file. */
  async function read(id: string): Promise<Entry> {
    const file = pathOf(folder, id);
    let entry = entries.get(id) ?? newEntry(id);
    const bytes = await attempt(`read session "${id}"`, async () => {
      const size = await sizeOf(file);
      // Shorter than what was read: somebody deleted or replaced it.
      if (size < entry.offset) entry = newEntry(id);
      return size > entry.offset + entry.torn
        ? await readFrom(file, entry.offset)
        : undefined;
    });
    if (bytes) take(entry, bytes, file);
    remember(id, entry);
    return entry;
  }

  function take(entry: Entry, bytes: Uint8Array, file: string): void {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    let start = 0;
    while (start < end) {
      const stop = bytes.indexOf(NEWLINE, start);
      const record = parseRecord(decoder.decode(bytes.subarray(start, stop)));
      if (record) entry.session.apply(record);
      else if (stop > start) onBadLine({ file, offset: entry.offset + start });
      start = stop + 1;
    }
    entry.offset += end;
    entry.torn = bytes.length - end;
  }

  async function append(
    id: string,
    entry: Entry,
    records: readonly SessionRecord[],
  ): Promise<void> {
    const lines = records.map((record) => JSON.stringify(record) + "\n");
    if (entry.offset === 0 && entry.torn === 0) {
      const header: SessionRecord = { type: "session", version: 1, id };
      lines.unshift(JSON.stringify(header) + "\n");
    }
    // Close a torn line first, or the new one would be lost with it.
    if (entry.torn > 0) lines.unshift("\n");
    const bytes = new TextEncoder().encode(lines.join(""));
    await attempt(`write session "${id}"`, async () => {
      await Deno.mkdir(folder, { recursive: true });
      using file = await Deno.open(pathOf(folder, id), {
        append: true,
        create: true,
        // Callers' words are nobody else's on this machine.
        mode: 0o600,
      });
      await writeAll(file, bytes);
      // Streamed words come many a second; outliving the process is enough for
      // them. Everything else outlives a power cut too (0.25 ms measured).
      if (records.some(({ type }) => type !== "assistant")) {
        await file.syncData();
      }
    }).catch((error) => {
      // Part of it may have been written: read the file afresh next time.
      entries.delete(id);
      throw error;
    });
    entry.offset += entry.torn + bytes.length;
    entry.torn = 0;
  }

  function remember(id: string, entry: Entry): void {
    entries.delete(id);
    entries.set(id, entry);
    if (entries.size <= cached) return;
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }

  async function list(options?: ListOptions): Promise<SessionPage> {
    return await attempt("list the sessions", async () => {
      // Names first and the ids of one page after: an id may have to be read.
      const { sessions, ...rest } = toPage(await listFiles(folder), options);
      const infos = await Promise.all(
        sessions.map(async ({ id: name, at }): Promise<SessionInfo[]> => {
          const id = await idOf(folder, name);
          return id === undefined ? [] : [{ id, at }];
        }),
      );
      return { sessions: infos.flat(), ...rest };
    });
  }

  function remove(id: string): Promise<boolean> {
    return serial(id, () =>
      attempt(`delete session "${id}"`, async () => {
        entries.delete(id);
        try {
          await Deno.remove(pathOf(folder, id));
          return true;
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return false;
          throw error;
        }
      }));
  }

  async function check(): Promise<void> {
    await attempt("write to the session folder", async () => {
      await Deno.mkdir(folder, { recursive: true });
      const probe = `${folder}/.probe-${crypto.randomUUID()}`;
      await Deno.writeTextFile(probe, "ok");
      await Deno.remove(probe);
    });
  }

  return { name: "file", load, update, list, delete: remove, check };
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder();

function newEntry(id: string): Entry {
  return { session: new Session(id), offset: 0, torn: 0 };
}

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
async function listFiles(folder: string): Promise<SessionInfo[]> {
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
        const mtime = await mtimeOf(`${folder}/${id}`);
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
async function idOf(folder: string, name: string): Promise<string | undefined> {
  if (!name.includes("~")) return name.slice(0, -EXTENSION.length);
  const bytes = await readFrom(`${folder}/${name}`, 0);
  const [line = ""] = decoder.decode(bytes).split("\n", 1);
  const record = parseRecord(line);
  return record?.type === "session" ? record.id : undefined;
}

async function mtimeOf(file: string): Promise<Date | null | undefined> {
  try {
    return (await Deno.stat(file)).mtime;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await Deno.stat(file)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

async function readFrom(path: string, offset: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
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

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await file.write(bytes.subarray(written));
  }
}

async function attempt<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(`Cannot ${what}: ${reason}`, { cause });
  }
}
