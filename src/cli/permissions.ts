/**
 * Prints the flags that let a command do what the settings name and nothing
 * else: read its sources and settings, write `DATA_DIR` and the KV file that
 * `SESSION_STORE` may name, see the variables that are declared as settings,
 * and, for the server, reach the hosts of its models and its store.
 * `deno task flags` runs it, once it is known where `@std` comes from.
 *
 * @module
 */
import { serverSettings } from "../server/settings.ts";
import { sessionSettings } from "../sessions/settings.ts";
import { type Config, readConfig, SETTINGS } from "../settings/config.ts";
import { readEnvironment, readIfThere } from "../settings/environment.ts";
import { readValues } from "../settings/setting.ts";

/** The names for `--allow-env`. */
export const VARIABLES: readonly string[] = [
  ...new Set(SETTINGS.map(({ env }) => env)),
].sort();

/** What is read besides the data; of the settings' files, `main.ts` lets go once it has read them. */
const SOURCES = [".env", "layercode.config.json", "src"];

/** What the flags depend on. */
export interface FlagSources {
  /** The settings' variables. */
  env: Readonly<Record<string, string | undefined>>;
  /** The text of `.env`, which may refer to other variables. */
  dotenv?: string;
  /** Whether the command writes nothing. Default: it may. */
  isReadOnly?: boolean;
  /** Whether hosts are named as well, as for the server. Default: they are not. */
  hasNet?: boolean;
}

/**
 * The flags, with blanks between them. A path that can't be used is left out:
 * the command itself refuses it, along with all else that is wrong.
 */
export function toFlags(sources: FlagSources): string {
  const { env, dotenv = "", isReadOnly, hasNet } = sources;
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
    `--allow-read=${[...SOURCES, ...paths]}`,
    ...isReadOnly ? [] : [`--allow-write=${paths}`],
    ...hasNet ? [toNet(env)] : [],
  ].join(" ");
}

function toNet(env: FlagSources["env"]): string {
  try {
    const hosts = toHosts(readConfig(env));
    return hosts.includes("*") ? "--allow-net" : `--allow-net=${hosts}`;
  } catch {
    // The server refuses to start, and says why.
    return "--deny-net";
  }
}

/** The hosts that the server listens on or asks; `*` for any. */
function toHosts(config: Config): string[] {
  const { hostname, port, layercode, sessionStore, toolHosts } = config;
  const { providers, vendors } = config;
  // Where none is named, an Ollama is looked for.
  const names = providers.length > 0 ? providers : ["ollama" as const];
  const addresses = [
    ...names.flatMap((name) => Object.values(vendors[name])),
    ...layercode.apiKey === undefined ? [] : [layercode.apiUrl],
    ...sessionStore?.type === "postgres" ? [sessionStore.url] : [],
  ];
  // Where a KV server has its data, it tells only when it is asked.
  const isFar = sessionStore?.type === "kv" &&
    /^https?:/.test(sessionStore.path ?? "");
  const own = hostname.includes(":") ? `[${hostname}]` : hostname;
  return [
    ...new Set([
      port === 0 ? own : `${own}:${port}`,
      ...addresses.flatMap((address) => toHost(address) ?? []),
      ...toolHosts ?? [],
      ...isFar ? ["*"] : [],
    ]),
  ];
}

/** The host and the port of an address; of what is none, and of a socket's path, nothing. */
function toHost(address: unknown): string | undefined {
  const url = typeof address === "string" ? URL.parse(address) : null;
  const standard = PORTS[url?.protocol ?? ""];
  if (!url || standard === undefined) return undefined;
  const host = url.searchParams.get("host") ?? url.hostname;
  const isHost = /^([\w.-]+|\[[\da-f:.]+\])$/i.test(host);
  return isHost ? `${host}:${url.port || standard}` : undefined;
}

const PORTS: Readonly<Record<string, number>> = {
  "http:": 80,
  "https:": 443,
  "postgres:": 5432,
  "postgresql:": 5432,
};

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
  const hasNet = Deno.args.includes("--net");
  const flags = toFlags({ ...await findSources(), isReadOnly, hasNet });
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
