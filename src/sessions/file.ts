/**
 * The file store: conversations as JSON Lines files, with one file per
 * conversation and one record per line. Lines are only appended. A process that
 * dies while it writes leaves an incomplete last line, and loses no other.
 *
 * @module
 */
import { hash } from "../server/builtin.ts";
import {
  FileLines,
  ignoreNotFound,
  makeFolder,
  readRange,
} from "./_file_lines.ts";
import { createStoreOn, toPreview } from "./_store.ts";
import { parseRecord } from "./record.ts";
import type {
  SessionInfo,
  SessionStore,
  StoreKind,
  StoreOptions,
} from "./store.ts";

/** Files under `DATA_DIR`. */
export const file: StoreKind<{ type: "file" }> = {
  forms: { file: "JSON Lines files under `DATA_DIR/sessions`" },
  read: (text) => text === "file" ? { type: "file" } : undefined,
  create: (_, { dataDir, ...options }) =>
    createFileStore({ folder: `${dataDir}/sessions`, ...options }),
};

/** Makes a store on a folder, which it does not touch until it is used. */
export function createFileStore(
  options: StoreOptions & { folder: string },
): SessionStore {
  // Deno would look up the working directory at each use of a relative path.
  const isAbsolute = /^([a-z]:)?[\\/]/i.test(options.folder);
  const folder = isAbsolute
    ? options.folder
    : `${Deno.cwd()}/${options.folder}`;
  return createStoreOn({
    name: "file",
    open: (id) => new FileLines(id, pathOf(folder, id)),
    async list(limit, cursor) {
      const files = await listFiles(folder);
      // If the file of the cursor was deleted, the page is empty.
      const start = cursor === undefined
        ? 0
        : files.findIndex(({ name }) => name === cursor) + 1 || files.length;
      const page = files.slice(start, start + limit);
      // One after another, so that only one file is open at a time.
      return Array.fromAsync(page, async ({ name, mtime }) => ({
        cursor: name,
        info: await describe(`${folder}/${name}`, mtime),
      }));
    },
    async sweep(before, maxShare) {
      const files = await listFiles(folder);
      const most = Math.ceil(files.length * maxShare);
      let count = 0;
      let fault: unknown;
      for (const { name, mtime } of files.reverse()) {
        if (mtime >= before || count === most) break;
        try {
          const path = `${folder}/${name}`;
          if (await removeOld(path, before).catch(ignoreNotFound)) count++;
        } catch (error) {
          // The other files are deleted all the same.
          fault ??= error;
        }
      }
      if (fault) throw fault;
      return count;
    },
    async check() {
      makeFolder(folder);
      const probe = `${folder}/.probe-${crypto.randomUUID()}`;
      await Deno.writeTextFile(probe, "ok");
      await Deno.remove(probe);
    },
    close: () => Promise.resolve(),
  }, options);
}

/**
 * Returns the path of a conversation's file. Ids come from outside, so they are
 * not used as paths unless they are safe on every file system; others become a
 * hash. Capitals aren't safe, because some file systems take `A` and `a` for one
 * name.
 */
export function pathOf(folder: string, id: string): string {
  const isSafe = /^[a-z0-9][a-z0-9_-]{0,99}$/.test(id) && !RESERVED.test(id);
  if (isSafe) return `${folder}/${id}${EXTENSION}`;
  // The name begins with a readable part; no safe id contains `~`.
  const hint = id.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").slice(0, 40);
  return `${folder}/${hint}~${hash(id).slice(0, 32)}${EXTENSION}`;
}

/** Names that Windows reserves for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/;
const EXTENSION = ".jsonl";
const STATS_AT_ONCE = 200;

/** Lists a folder's regular files, the last written first. A link could lead elsewhere, and a pipe could block for ever. */
async function listFiles(
  folder: string,
): Promise<{ name: string; mtime: Date }[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder)).catch(
    ignoreNotFound,
  );
  const names = (entries ?? []).filter(({ isFile }) => isFile)
    .map(({ name }) => name)
    .filter((name) => name.endsWith(EXTENSION));
  const found: { name: string; mtime: Date }[] = [];
  while (names.length > 0) {
    await Promise.all(
      names.splice(-STATS_AT_ONCE).map(async (name) => {
        const stat = await Deno.stat(`${folder}/${name}`).catch(ignoreNotFound);
        if (stat?.mtime) found.push({ name, mtime: stat.mtime });
      }),
    );
  }
  return found.sort((a, b) =>
    b.mtime.getTime() - a.mtime.getTime() || (a.name < b.name ? 1 : -1)
  );
}

/** Reads a file's beginning for the list; `undefined` if the conversation is empty or deleted, or the file can't be read. */
async function describe(
  path: string,
  mtime: Date,
): Promise<SessionInfo | undefined> {
  using file = await Deno.open(path).catch(ignoreUnreadable);
  if (!file) return undefined;
  const text = new TextDecoder().decode(readRange(file, 0, HEAD_BYTES));
  const records = text.split("\n").slice(0, -1).slice(0, 16).map(parseRecord);
  const [first, second] = records;
  const isDeleted = second?.type === "deleted" && records.length === 2;
  if (first?.type !== "session" || isDeleted) return undefined;
  return { id: first.id, at: mtime.toISOString(), preview: toPreview(records) };
}

function ignoreUnreadable(error: unknown): undefined {
  if (!(error instanceof Deno.errors.PermissionDenied)) ignoreNotFound(error);
}

/** Enough for two of the longest records. */
const HEAD_BYTES = 131_072;

/** Deletes a file, unless something was added since it was listed. The lock keeps other processes from appending meanwhile. */
async function removeOld(path: string, before: Date): Promise<boolean> {
  using file = await Deno.open(path, { read: true, append: true });
  await file.lock(true);
  const { mtime, nlink } = await file.stat();
  if (nlink === 0 || !mtime || mtime >= before) return false;
  await Deno.remove(path);
  return true;
}
