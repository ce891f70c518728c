/**
 * `deno task permissions`: prints the flags that let the server read this
 * folder and use `DATA_DIR`, and nothing else on the disk.
 *
 * @module
 */
// Not `@std/dotenv`: this runs before it is known where that comes from.
import { parse } from "../../offline/dotenv.ts";

/** The flags for a data folder; for one that no flag can name, all folders. */
export function toFlags(dataDir: string): string {
  // The shell splits at white space, Deno at commas.
  return /[\s,]/.test(dataDir)
    ? "--allow-read --allow-write"
    : `--allow-read=.,${dataDir} --allow-write=${dataDir}`;
}

async function findDataDir(): Promise<string> {
  const real = Deno.env.get("DATA_DIR")?.trim();
  if (real) return real;
  try {
    const { DATA_DIR } = parse(await Deno.readTextFile(".env"));
    if (DATA_DIR?.trim()) return DATA_DIR.trim();
  } catch {
    // None, or a broken one: the server says so itself.
  }
  return "./data";
}

if (import.meta.main) {
  const flags = toFlags(await findDataDir());
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
