/**
 * A folder as a whole: how large it is, and whether anything in it has changed.
 *
 * @module
 */

/** A large file is known by its size and time: it takes a second to read. */
const LARGE_BYTES = 20e6;

/** What each file and folder is like, by its path; without some folders. */
export async function hashTree(
  root: string,
  without: readonly string[] = [],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const path of walk(root, "")) {
    if (without.some((it) => path === it || path.startsWith(`${it}/`))) {
      continue;
    }
    const file = `${root}/${path}`;
    const { mode, uid, size, mtime, isDirectory } = await Deno.lstat(file);
    const content = isDirectory
      ? "folder"
      : size > LARGE_BYTES
      ? `${size} ${mtime?.getTime()}`
      : await hash(file);
    found.set(path, `${mode?.toString(8)} ${uid} ${content}`);
  }
  return new Map([...found].sort(([a], [b]) => a < b ? -1 : 1));
}

/** How many bytes the files below a folder have. */
export async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  for await (const path of walk(folder, "")) {
    const { isFile, size } = await Deno.lstat(`${folder}/${path}`);
    if (isFile) sum += size;
  }
  return sum;
}

async function* walk(root: string, folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(`${root}/${folder}`)) {
    const path = `${folder}${entry.name}`;
    yield path;
    if (entry.isDirectory) yield* walk(root, `${path}/`);
  }
}

async function hash(file: string): Promise<string> {
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await Deno.readFile(file),
  );
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
