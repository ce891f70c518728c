/**
 * Prints the flags that let the server read this folder and use `DATA_DIR` and
 * the KV file that `SESSION_STORE` may name, and nothing else on the disk.
 * `deno task flags` runs it, once it is known where `@std` comes from.
 *
 * @module
 */
import { readEnvironment } from "../settings/environment.ts";

/**
 * The flags for a data folder and a KV file; where a path is one that no flag
 * can name, all folders.
 */
export function toFlags(dataDir: string, kvFile?: string): string {
  const paths = [dataDir, ...(kvFile ? [kvFile] : [])];
  // The shell splits at white space, Deno at commas.
  return paths.some((path) => /[\s,]/.test(path))
    ? "--allow-read --allow-write"
    : `--allow-read=.,${paths} --allow-write=${paths}`;
}

/** The file that `SESSION_STORE=kv:<file>` names. */
export function findKvFile(sessionStore: string): string | undefined {
  const [, path] = /^kv:(?!https?:)(.+)$/s.exec(sessionStore) ?? [];
  return path;
}

/** The server's settings; where they can't be read, the server says why. */
async function readSettings(): Promise<Record<string, string>> {
  const real = Deno.env.toObject();
  try {
    return (await readEnvironment(real)).env;
  } catch {
    return real;
  }
}

if (import.meta.main) {
  const { DATA_DIR = "", SESSION_STORE = "" } = await readSettings();
  const flags = toFlags(
    DATA_DIR.trim() || "./data",
    findKvFile(SESSION_STORE.trim()),
  );
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
