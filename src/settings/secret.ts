/**
 * The webhook secret for an owner who set none. It is generated at the first
 * start and stored in the data folder, readable by its owner only, so that
 * signatures are always verified.
 *
 * @module
 */
import { nodeCrypto } from "../server/builtin.ts";
import type { Log } from "../server/log.ts";
import type { Config } from "./config.ts";
import { readIfThere } from "./environment.ts";

/** Returns the secrets that webhooks may be signed with: those of the settings, else the generated one. Deno Deploy can't store one, so there it must be set. */
export async function findSecrets(
  { webhookSecrets, isDeploy, dataDir }: Pick<
    Config,
    "webhookSecrets" | "isDeploy" | "dataDir"
  >,
  log: Log,
): Promise<readonly string[]> {
  if (webhookSecrets.length > 0) return webhookSecrets;
  if (!isDeploy) return [await loadOrCreateSecret(dataDir)];
  // The server starts nevertheless: otherwise the deployment would fail.
  log.error("secret.missing", {
    message: "Every webhook will be refused: set LAYERCODE_WEBHOOK_SECRET " +
      "in the app's environment variables to the one in Layercode's dashboard",
  });
  return [makeSecret()];
}

/** Reads the stored secret, or generates one. Throws an error that says what to set when the folder can't be used. */
export async function loadOrCreateSecret(dataDir: string): Promise<string> {
  try {
    return await readStoredSecret(dataDir) ?? await createSecretFile(dataDir);
  } catch (cause) {
    const message = `Cannot keep the webhook secret in ${dataDir}: set ` +
      "DATA_DIR to a folder that the user who runs Parley may write, or set " +
      "LAYERCODE_WEBHOOK_SECRET";
    throw new Error(message, { cause });
  }
}

/** Returns the stored secret, if there is one. */
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

/** Generates and stores a secret. Of several servers that start at once, the first to lock the file does; the others read it. */
async function createSecretFile(dataDir: string): Promise<string> {
  // Other users of this machine must not read the conversations in it.
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
