/**
 * Prints the flags that let a command do what the settings name and nothing
 * else: read its sources and settings, write `DATA_DIR` and the KV file that
 * `SESSION_STORE` may name, see the variables that are declared as settings,
 * and, for the server, reach the hosts of its models and its store.
 * `deno task flags` runs it, once it is known where `@std` comes from.
 *
 * @module
 */
import { type Config, readConfig, SETTINGS } from "../settings/config.ts";
import {
  findReferences,
  readEnvironment,
  readIfThere,
} from "../settings/environment.ts";

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
  /** Whether hosts are named as well, as for the server. Default: they are not. */
  hasNet?: boolean;
}

/**
 * The flags, with blanks between them. Where settings can't be used, they are
 * those for none: the command itself refuses them, and says all that is wrong.
 */
export function toFlags({ env, dotenv = "", hasNet }: FlagSources): string {
  const given = readUsable(env);
  const { dataDir, sessionStore } = given ?? readConfig({});
  const path = sessionStore?.type === "kv" ? sessionStore.path ?? "" : "";
  const paths = path === "" || isAddress(path) ? [dataDir] : [dataDir, path];
  const references = findReferences(dotenv);
  return [
    `--allow-env=${[...new Set([...VARIABLES, ...references])]}`,
    `--allow-read=${[...SOURCES, ...paths]}`,
    `--allow-write=${paths}`,
    ...hasNet ? [given ? toNet(given, env) : "--deny-net"] : [],
  ].join(" ");
}

function readUsable(env: FlagSources["env"]): Config | undefined {
  try {
    return readConfig(env);
  } catch {
    return undefined;
  }
}

function isAddress(path: string): boolean {
  return /^https?:/.test(path);
}

/** The hosts that the server listens on or asks. */
function toNet(config: Config, { PGPORT }: FlagSources["env"]): string {
  const { hostname, port, layercode, sessionStore, toolHosts = [] } = config;
  // Where a KV server has its data, it tells only when it is asked.
  const isFar = sessionStore?.type === "kv" &&
    isAddress(sessionStore.path ?? "");
  if (isFar || toolHosts.includes("*")) return "--allow-net";
  // Where no vendor is named, an Ollama is looked for.
  const names = config.providers.length > 0
    ? config.providers
    : ["ollama" as const];
  const addresses = [
    ...names.flatMap((name) => Object.values(config.vendors[name])),
    ...layercode.apiKey === undefined ? [] : [layercode.apiUrl],
    ...sessionStore?.type === "postgres" ? [sessionStore.url] : [],
  ];
  const own = hostname.includes(":") ? `[${hostname}]` : hostname;
  const hosts = [
    port === 0 ? own : `${own}:${port}`,
    ...addresses.flatMap((address) => toHost(address, PGPORT) ?? []),
    ...toolHosts,
  ];
  return `--allow-net=${[...new Set(hosts)]}`;
}

/** The host and the port of an address; of what is none, and of a socket's path, nothing. */
function toHost(address: unknown, postgresPort = "5432"): string | undefined {
  const url = typeof address === "string" ? URL.parse(address) : null;
  if (!url || !/^(https?|postgres(ql)?):$/.test(url.protocol)) return undefined;
  const host = url.searchParams.get("host") ?? url.hostname;
  if (!/^([\w-]+(\.[\w-]+)*|\[[\da-f:.]+\])$/i.test(host)) return undefined;
  const standard = { "http:": "80", "https:": "443" }[url.protocol];
  return `${host}:${url.port || (standard ?? postgresPort)}`;
}

if (import.meta.main) {
  const { env } = await readEnvironment(Deno.env, SETTINGS);
  const dotenv = await readIfThere(".env").catch(() => "") ?? "";
  const hasNet = Deno.args.includes("--net");
  const flags = toFlags({ env, dotenv, hasNet });
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
