/**
 * Conversations as JSON Lines files, one file a conversation and one record a
 * line, only ever appended to. A process that dies in mid-write leaves a torn
 * last line, and loses that line only.
 *
 * @module
 */
import { nodeCrypto } from "../server/builtin.ts";
import { toMostSwept } from "./_engine.ts";
import { FileLines, makeFolder, readRange } from "./_file_lines.ts";
import { createStoreOn } from "./_store.ts";
import { toPage, toPreview } from "./_page.ts";
import { parseRecord } from "./record.ts";
import {
  attempt,
  type SessionInfo,
  type SessionStore,
  type StoreKind,
  type StoreOptions,
} from "./store.ts";

/** Files under `DATA_DIR`. */
export const file: StoreKind<{ type: "file" }> = {
  forms: { file: "JSON Lines files under `DATA_DIR/sessions`" },
  read: (text) => text === "file" ? { type: "file" } : undefined,
  create: (_, { dataDir, ...options }) =>
    createFileStore({ folder: `${dataDir}/sessions`, ...options }),
};

/** Where the files lie. */
export interface FileStoreOptions extends StoreOptions {
  /** Made when it isn't there. */
  folder: string;
}

/** Makes a store on a folder. Touches nothing until it is used. */
export function createFileStore(options: FileStoreOptions): SessionStore {
  // Deno looks the working folder up at each use of a relative path.
  const isWhole = /^([a-z]:)?[\\/]/i.test(options.folder);
  const folder = isWhole ? options.folder : `${Deno.cwd()}/${options.folder}`;
  return createStoreOn({
    name: "file",
    open: (id) => new FileLines(id, pathOf(folder, id)),
    async list(options) {
      // Only the files of one page are looked into.
      const { sessions, ...rest } = toPage(await listFiles(folder), options);
      const infos = sessions.flatMap(({ id, at }) => describe(folder, id, at));
      return { sessions: infos, ...rest };
    },
    async sweep(before, maxShare) {
      let count = 0;
      const files = await listFiles(folder);
      const most = toMostSwept(files.length, maxShare);
      for (const { id: name, at } of files.reverse()) {
        if (at >= before.toISOString() || count === most) break;
        if (await removeOld(`${folder}/${name}`, before)) count++;
      }
      return count;
    },
    check: () =>
      attempt("write to the session folder", async () => {
        makeFolder(folder);
        const probe = `${folder}/.probe-${crypto.randomUUID()}`;
        await Deno.writeTextFile(probe, "ok");
        await Deno.remove(probe);
      }),
    close: () => Promise.resolve(),
  }, options);
}

/**
 * The file of a conversation. Ids come from outside, so they are never paths:
 * one that isn't plainly safe on every file system becomes a hash. Capitals
 * aren't safe, because some file systems take `A` and `a` for one name.
 */
export function pathOf(folder: string, id: string): string {
  const isSafe = /^[a-z0-9][a-z0-9_-]{0,99}$/.test(id) && !RESERVED.test(id);
  return `${folder}/${isSafe ? id : hashedName(id)}${EXTENSION}`;
}

/** A readable beginning and a hash; `~` keeps it apart from every safe id. */
function hashedName(id: string): string {
  const hash = nodeCrypto().createHash("sha256").update(id).digest("hex").slice(
    0,
    32,
  );
  const hint = id.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").slice(0, 40);
  return `${hint}~${hash}`;
}

/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/;
const EXTENSION = ".jsonl";
const STATS_AT_ONCE = 200;

/** The names of a folder's files, the last written first. */
async function listFiles(folder: string): Promise<SessionInfo[]> {
  const entries = await ifFound(Array.fromAsync(Deno.readDir(folder))) ?? [];
  const names = entries.map(({ name }) => name)
    .filter((name) => name.endsWith(EXTENSION));
  const found: { id: string; ms: number }[] = [];
  while (names.length > 0) {
    await Promise.all(
      names.splice(-STATS_AT_ONCE).map(async (id) => {
        const { mtime } = await ifFound(Deno.stat(`${folder}/${id}`)) ?? {};
        // Without a time it is gone since the folder was read.
        if (mtime) found.push({ id, ms: mtime.getTime() });
      }),
    );
  }
  return found.sort((a, b) => b.ms - a.ms || (a.id < b.id ? 1 : -1))
    .map(({ id, ms }) => ({ id, at: new Date(ms).toISOString() }));
}

/**
 * What a list tells of a file, from the file's own beginning. Nothing when it
 * is gone, nothing was said yet, or its first line is torn.
 */
function describe(folder: string, name: string, at: string): SessionInfo[] {
  const head = readRange(`${folder}/${name}`, 0, HEAD_BYTES) ??
    new Uint8Array();
  const lines = new TextDecoder().decode(head).split("\n").slice(0, -1);
  const records = lines.slice(0, 16).map(parseRecord);
  const [first, second] = records;
  const isNamed = first?.type === "session";
  const isDeleted = second?.type === "deleted" && records.length === 2;
  if (lines.length === 0 || isDeleted) return [];
  if (!isNamed && name.includes("~")) return [];
  const id = isNamed ? first.id : name.slice(0, -EXTENSION.length);
  return [{ id, at, ...toPreview(records) }];
}

/** Enough for two of the longest records. */
const HEAD_BYTES = 131_072;

/** Deletes a file, unless it was added to since it was listed; the lock keeps others from deciding to. */
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

async function ifFound<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
