/**
 * Whether the data folder can be made, written and read.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, fail } = findings("data folder");

/** What is written for a try: as much as a long conversation. */
const PROBE_BYTES = 65_536;

/** Writes to a folder for a try, and leaves nothing there. */
export type Try = (folder: string) => Promise<void>;

/** Looks at `DATA_DIR`. */
export async function checkFolder(
  { config }: Patient,
  _signal: AbortSignal,
  tryFolder: Try = writeAndRead,
): Promise<Result[]> {
  const { dataDir } = config;
  try {
    await tryFolder(dataDir);
    return [ok(`${await pathOf(dataDir)} can be written`)];
  } catch (error) {
    return [explainFolder(error, dataDir)];
  }
}

async function writeAndRead(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const path = `${folder}/.doctor-${crypto.randomUUID()}`;
  // Not zeros, which some disks keep for nothing.
  const bytes = crypto.getRandomValues(new Uint8Array(PROBE_BYTES));
  try {
    const file = await Deno.open(path, { write: true, createNew: true });
    try {
      for (let done = 0; done < bytes.length;) {
        done += await file.write(bytes.subarray(done));
      }
      // Some file systems find out that they are full only now.
      await file.sync();
    } finally {
      file.close();
    }
    const read = await Deno.readFile(path);
    if (!read.every((byte, n) => byte === bytes[n])) {
      throw new Error("What was written is not what was read");
    }
  } finally {
    await Deno.remove(path).catch(() => {
      // It wasn't made, and the reason is on its way.
    });
  }
}

async function pathOf(folder: string): Promise<string> {
  return await Deno.realPath(folder).catch(() => folder);
}

/** Why a folder can't be written, and what to do about it. */
export function explainFolder(error: unknown, folder: string): Result {
  const text = explain(error);
  const code = error instanceof Error && "code" in error ? error.code : "";
  const is = (name: string, words: RegExp) => code === name || words.test(text);
  if (is("ENOSPC", /no space left|disk full|not enough space/i)) {
    return fail(
      `${folder}: the disk is full`,
      "make room (df -h shows how full it is), or set DATA_DIR to a folder on another disk",
    );
  }
  if (is("EDQUOT", /quota/i)) {
    return fail(
      `${folder}: this user's share of the disk is used up`,
      "delete something, have the quota raised, or set DATA_DIR to a folder elsewhere",
    );
  }
  if (is("EROFS", /read-only/i)) {
    return fail(
      `${folder} is on a disk that is mounted read-only`,
      "set DATA_DIR to a folder that can be written; in Docker, mount a volume without :ro",
    );
  }
  if (error instanceof Deno.errors.NotCapable) {
    return fail(
      `${folder}: Deno was not given leave to write there`,
      "start by deno task, which gives it, or add --allow-read and --allow-write for the folder",
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return fail(
      `${folder}: this user may not write there`,
      `give it to the user that runs Parley (sudo chown -R "$USER" ${folder}), or set DATA_DIR to another`,
    );
  }
  if (
    error instanceof Deno.errors.AlreadyExists ||
    is("ENOTDIR", /not a directory/i)
  ) {
    return fail(
      `${folder}: there is a file in the way, not a folder`,
      "move it away, or set DATA_DIR to a folder",
    );
  }
  return fail(
    `${folder} can't be used: ${text}`,
    "set DATA_DIR to a folder that can be written",
  );
}
