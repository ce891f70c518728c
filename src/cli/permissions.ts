/**
 * Prints the flags that let a command read this folder, write `DATA_DIR` and
 * the KV file that `SESSION_STORE` may name, and see the variables that are
 * declared as settings; nothing else on the disk or in the environment.
 * `deno task flags` runs it, once it is known where `@std` comes from.
 *
 * @module
 */
import { serverSettings } from "../server/settings.ts";
import { sessionSettings } from "../sessions/settings.ts";
import { SETTINGS } from "../settings/config.ts";
import { readEnvironment, readIfThere } from "../settings/environment.ts";
import { readValues } from "../settings/setting.ts";

/** The names for `--allow-env`. */
export const VARIABLES: readonly string[] = [
  ...new Set(SETTINGS.map(({ env }) => env)),
].sort();

/** What the flags depend on. */
export interface FlagSources {
  /** The settings' variables. */
  env: Readonly<Record<string, string | undefined>>;
  /** The text of `.env`, which may refer to other variables. */
  dotenv?: string;
  /** Whether the command writes nothing. Default: it may. */
  isReadOnly?: boolean;
}

/**
 * The flags, with blanks between them. A path that can't be used is left out:
 * the command itself refuses it, along with all else that is wrong.
 */
export function toFlags({ env, dotenv = "", isReadOnly }: FlagSources): string {
  const { dataDir = serverSettings.dataDir.default, sessionStore } = readValues(
    {
      dataDir: serverSettings.dataDir,
      sessionStore: sessionSettings.sessionStore,
    },
    { text: (name) => env[name]?.trim() || undefined, problems: [] },
  );
  const paths = [dataDir];
  if (sessionStore?.type === "kv" && sessionStore.path !== undefined) {
    if (!sessionStore.path.startsWith("http")) paths.push(sessionStore.path);
  }
  const references = [...dotenv.matchAll(/\$\{?([A-Za-z_]\w*)/g)]
    .map(([, name]) => name);
  return [
    `--allow-env=${[...new Set([...VARIABLES, ...references])]}`,
    `--allow-read=.,${paths}`,
    ...isReadOnly ? [] : [`--allow-write=${paths}`],
  ].join(" ");
}

/** The sources of this process; where they can't be read, the command says why. */
async function findSources(): Promise<FlagSources> {
  try {
    const { env } = await readEnvironment(Deno.env, SETTINGS);
    return { env, dotenv: await readIfThere(".env") ?? "" };
  } catch {
    return { env: {} };
  }
}

if (import.meta.main) {
  const isReadOnly = Deno.args.includes("--read-only");
  const flags = toFlags({ ...await findSources(), isReadOnly });
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
