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
import { attempt } from "./_attempt.ts";
import { Cache } from "./_cache.ts";
import { FileLog } from "./_file_log.ts";
import {
  describeFile,
  listFiles,
  makeFolder,
  openToAdd,
  pathOf,
  tryLock,
} from "./_files.ts";
import { FileWriter } from "./_file_writer.ts";
import { toPage } from "./_page.ts";
import { createSerial } from "./_serial.ts";
import type { Session } from "./session.ts";
import type {
  Change,
  ListOptions,
  OpenOptions,
  SessionInfo,
  SessionPage,
  SessionStore,
  SessionWriter,
} from "./store.ts";

/** Where the files lie. */
export interface FileStoreOptions {
  /** Made when it isn't there. */
  folder: string;
  /** Told of each line that could not be read. */
  onBadLine?: (line: { file: string; offset: number }) => void;
  /** How much memory the conversations may take that stay there. Default 64 MB. */
  cacheBytes?: number;
}

/** Makes a store on a folder. Touches nothing until it is used. */
export function createFileStore(options: FileStoreOptions): SessionStore {
  const { folder, onBadLine = () => {} } = options;
  const serial = createSerial();
  const cache = new Cache<FileLog>(options.cacheBytes);

  function load(id: string): Promise<Session> {
    return attempt(`read session "${id}"`, () => read(id).session);
  }

  /** Brings what is in memory up to the file, which may be open. */
  function read(id: string, file?: Deno.FsFile): FileLog {
    const make = () => new FileLog(id, pathOf(folder, id), onBadLine);
    let log = cache.get(id) ?? make();
    log.catchUp(file);
    if (log.isGone) {
      log = make();
      log.catchUp(file);
    }
    cache.keep(id, log);
    return log;
  }

  function update(id: string, change: Change): Promise<Session> {
    return serial(id, async () => {
      const before = await load(id);
      if (change(before).length === 0) return before;
      const writer = await put(id, change);
      writer.letGo();
      return writer.session;
    });
  }

  function open(
    id: string,
    change: Change,
    options?: OpenOptions,
  ): Promise<SessionWriter> {
    return serial(id, () => put(id, change, options));
  }

  /** Adds to a conversation, and leaves its file open. */
  async function put(
    id: string,
    change: Change,
    options?: OpenOptions,
  ): Promise<FileWriter> {
    while (true) {
      const file = await lock(id);
      let letGo = () => file.close();
      try {
        // Nothing of this process comes between from here to the unlocking.
        const log = read(id, file);
        // Else deleted while we waited: what is written now would be lost.
        if (!log.isGone) {
          const records = change(log.session);
          const writer = new FileWriter(log, file, cache, options);
          letGo = () => writer.letGo();
          cache.keep(id, log);
          for (const record of records) writer.add(record);
          file.unlockSync();
          await writer.flush();
          return writer;
        }
      } catch (error) {
        letGo();
        throw error;
      }
      letGo();
    }
  }

  /** Opens a conversation's file, to which no other process decides to add until it is closed or unlocked. */
  function lock(id: string): Promise<Deno.FsFile> {
    return attempt(`write session "${id}"`, async () => {
      const file = openToAdd(pathOf(folder, id));
      try {
        if (!tryLock(file)) await file.lock(true);
        return file;
      } catch (error) {
        file.close();
        throw error;
      }
    });
  }

  async function list(options?: ListOptions): Promise<SessionPage> {
    return await attempt("list the sessions", async () => {
      // Names first, and one page's files after.
      const { sessions, ...rest } = toPage(await listFiles(folder), options);
      const infos = await Promise.all(
        sessions.map(async ({ id: name, at }): Promise<SessionInfo[]> => {
          const found = await describeFile(folder, name);
          return found ? [{ ...found, at }] : [];
        }),
      );
      return { sessions: infos.flat(), ...rest };
    });
  }

  function remove(id: string): Promise<boolean> {
    return serial(id, () =>
      attempt(`delete session "${id}"`, async () => {
        try {
          await Deno.remove(pathOf(folder, id));
          return true;
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return false;
          throw error;
        } finally {
          cache.get(id)?.end();
          cache.delete(id);
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

  /** Deletes a file, unless it was added to since it was listed; nobody decides to meanwhile. */
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
      makeFolder(folder);
      const probe = `${folder}/.probe-${crypto.randomUUID()}`;
      await Deno.writeTextFile(probe, "ok");
      await Deno.remove(probe);
    });
  }

  return {
    name: "file",
    load,
    update,
    open,
    list,
    delete: remove,
    sweep,
    check,
    close: () => Promise.resolve(),
  };
}
