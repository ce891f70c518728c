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
import {
  bornOf,
  idOf,
  listFiles,
  openToAdd,
  pathOf,
  readFrom,
  readRest,
  statOf,
  writeAll,
} from "./_files.ts";
import { toPage } from "./_page.ts";
import { createSerial } from "./_serial.ts";
import { parseRecord, type SessionRecord } from "./record.ts";
import { Session } from "./session.ts";
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
  /** Which file it was read from; another may come to have its name. */
  born?: string | undefined;
  /** Bytes of the file that {@linkcode Entry.session} holds. */
  offset: number;
  /** Bytes after them: a line without its end. */
  torn: number;
}

/** A file that other processes can't add to until it is closed. */
interface LockedFile {
  file: Deno.FsFile;
  /** As it was when the lock was had. */
  stat: Deno.FileInfo;
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
      let entry = entries.get(id) ?? newEntry(id);
      let records = change(entry.session);
      if (records.length === 0) {
        // What is in memory may be old, and ask for nothing for that reason.
        entry = await read(id);
        records = change(entry.session);
        if (records.length === 0) return entry.session;
      }
      const locked = await open(id);
      const { file, stat } = locked;
      using _ = file;
      if (!isCurrent(entry, stat)) {
        entry = await read(id, locked);
        records = change(entry.session);
      }
      if (records.length > 0) await append(id, entry, records, file);
      entry.born = bornOf(stat);
      remember(id, entry);
      return entry.session;
    });
  }

  /** Opens a conversation's file for adding to it, and keeps other processes off until it is closed. */
  function open(id: string): Promise<LockedFile> {
    return attempt(`write session "${id}"`, async () => {
      while (true) {
        const file = await openToAdd(pathOf(folder, id));
        try {
          await file.lock(true);
          const stat = await file.stat();
          // Deleted while we waited: what is written now would be lost.
          if (stat.nlink !== 0) return { file, stat };
          file.close();
        } catch (error) {
          file.close();
          throw error;
        }
      }
    });
  }

  /** Brings what is in memory up to the file, which may be open and ours alone. */
  async function read(id: string, locked?: LockedFile): Promise<Entry> {
    const file = pathOf(folder, id);
    let entry = entries.get(id) ?? newEntry(id);
    const bytes = await attempt(`read session "${id}"`, async () => {
      const stat = locked ? locked.stat : await statOf(file);
      const size = stat?.size ?? 0;
      const born = stat && bornOf(stat);
      // Deleted by another process, or the file of that name is another one.
      if (size < entry.offset || born !== (entry.born ?? born)) {
        entry = newEntry(id);
      }
      entry.born = born;
      if (size <= entry.offset + entry.torn) return undefined;
      return locked
        ? await readRest(locked.file, entry.offset)
        : await readFrom(file, entry.offset);
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
    file: Deno.FsFile,
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
    for (const record of records) entry.session.apply(record);
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

  function sweep(before: Date): Promise<number> {
    return attempt("delete old sessions", async () => {
      let count = 0;
      for (const { id: name, at } of await listFiles(folder)) {
        if (at >= before.toISOString()) continue;
        if (await removeOld(`${folder}/${name}`, before)) count++;
      }
      return count;
    });
  }

  /** Deletes a file, unless it was added to since it was listed; nobody can meanwhile. */
  async function removeOld(path: string, before: Date): Promise<boolean> {
    try {
      using file = await Deno.open(path, { read: true, append: true });
      await file.lock(true);
      const { mtime, nlink } = await file.stat();
      if (nlink === 0 || !mtime || mtime >= before) return false;
      await Deno.remove(path);
      return true;
    } catch (error) {
      // Another instance sweeps, too.
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  async function check(): Promise<void> {
    await attempt("write to the session folder", async () => {
      await Deno.mkdir(folder, { recursive: true });
      const probe = `${folder}/.probe-${crypto.randomUUID()}`;
      await Deno.writeTextFile(probe, "ok");
      await Deno.remove(probe);
    });
  }

  return {
    name: "file",
    load,
    update,
    open: () => Promise.reject(new StoreError("Cannot open yet")),
    list,
    delete: remove,
    sweep,
    check,
    close: () => Promise.resolve(),
  };
}

const NEWLINE = 0x0a;
const decoder = new TextDecoder();

/** Whether a file is the one that was read, and as long. */
function isCurrent(entry: Entry, stat: Deno.FileInfo): boolean {
  return stat.size === entry.offset + entry.torn &&
    (entry.born === bornOf(stat) || stat.size === 0);
}

function newEntry(id: string): Entry {
  return { session: new Session(id), offset: 0, torn: 0 };
}

async function attempt<T>(what: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError(`Cannot ${what}: ${reason}`, { cause });
  }
}
