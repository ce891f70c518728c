/**
 * The webhook secret of an owner who gave none: made on the first start, kept
 * in the data folder, readable by its owner only. Verification is never off.
 *
 * @module
 */
import { nodeCrypto } from "../server/builtin.ts";
import type { Log } from "../server/log.ts";
import type { Config } from "./config.ts";
import { readIfThere } from "./environment.ts";

/**
 * The secrets that webhooks may be signed with: the owner's, else one made
 * here. On Deno Deploy none can be kept, so there it has to be given.
 */
export async function findSecrets(
  { webhookSecrets, isDeploy, dataDir }: Pick<
    Config,
    "webhookSecrets" | "isDeploy" | "dataDir"
  >,
  log: Log,
): Promise<readonly string[]> {
  if (webhookSecrets.length > 0) return webhookSecrets;
  if (!isDeploy) return [await loadOrCreateSecret(dataDir)];
  // It starts all the same: a start that fails would fail the deployment.
  log.error("secret.missing", {
    message: "Every webhook will be refused: set LAYERCODE_WEBHOOK_SECRET " +
      "in the app's environment variables to the one in Layercode's dashboard",
  });
  return [makeSecret()];
}

/**
 * Reads the kept secret, or makes one.
 *
 * @throws {Error} that says what to set when the folder can't be used
 */
export async function loadOrCreateSecret(dataDir: string): Promise<string> {
  try {
    const secret = await readStoredSecret(dataDir) ?? await keepSecret(dataDir);
    await hideFromOthers(toSecretPath(dataDir));
    return secret;
  } catch (cause) {
    const message = `Cannot keep a webhook secret in ${dataDir}; set ` +
      "DATA_DIR to a folder that the user who runs Parley may write";
    throw new Error(message, { cause });
  }
}

/** The kept secret, if there is one. */
export async function readStoredSecret(
  dataDir: string,
): Promise<string | undefined> {
  return (await readIfThere(toSecretPath(dataDir)))?.trim() || undefined;
}

function makeSecret(): string {
  return `parley_${nodeCrypto().randomBytes(32).toString("hex")}`;
}

function toSecretPath(dataDir: string): string {
  return `${dataDir}/webhook-secret`;
}

/** Makes the secret. Of several servers that start at once, the first to lock the file does. */
async function keepSecret(dataDir: string): Promise<string> {
  // What callers say is for nobody else on this machine.
  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  const options = { read: true, write: true, create: true, mode: 0o600 };
  using file = await Deno.open(toSecretPath(dataDir), options);
  await file.lock(true);
  const bytes = new Uint8Array(1_024);
  const length = await file.read(bytes) ?? 0;
  const kept = new TextDecoder().decode(bytes.subarray(0, length)).trim();
  if (kept !== "") return kept;
  const secret = makeSecret();
  await file.write(new TextEncoder().encode(`${secret}\n`));
  return secret;
}

/** Lets nobody but its owner read a file. */
async function hideFromOthers(path: string): Promise<void> {
  try {
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o077) !== 0) await Deno.chmod(path, 0o600);
  } catch {
    // Someone else's file, or a disk without modes: the secret is as good.
  }
}
