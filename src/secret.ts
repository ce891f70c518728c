/**
 * The webhook secret of an owner who gave none: made on the first start, kept
 * in the data folder, readable by its owner only. Verification is never off.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/**
 * Reads the kept secret, or makes one.
 *
 * @throws {Deno.errors.PermissionDenied} and its like when the folder can't be used
 */
export async function loadOrMakeSecret(dataDir: string): Promise<string> {
  const path = secretPath(dataDir);
  const kept = await readSecret(path);
  if (kept !== undefined) return kept;
  const secret = `parley_${randomBytes(32).toString("hex")}`;
  await Deno.mkdir(dataDir, { recursive: true });
  // Whole or not at all, and whoever comes first wins: two may start at once.
  const draft = `${path}.${crypto.randomUUID()}`;
  await Deno.writeTextFile(draft, `${secret}\n`, { mode: 0o600 });
  try {
    await Deno.link(draft, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await Deno.remove(draft);
  }
  return await readSecret(path) ?? secret;
}

/** The kept secret, if there is one. */
export async function readKeptSecret(
  dataDir: string,
): Promise<string | undefined> {
  return await readSecret(secretPath(dataDir));
}

function secretPath(dataDir: string): string {
  return `${dataDir}/webhook-secret`;
}

async function readSecret(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim() || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
