/**
 * Prints Deno's permission flags for a command, which allow what the settings name
 * and nothing else. `deno task flags` runs it, once it is known where `@std` comes
 * from.
 *
 * @module
 */
import { type Config, readConfig, SETTINGS } from "../settings/config.ts";
import {
  findReferences,
  readEnvironment,
  readIfThere,
} from "../settings/environment.ts";

/** The variables that are declared as settings. */
export const VARIABLES: readonly string[] = [
  ...new Set(SETTINGS.map(({ env }) => env)),
].sort();

/** What may be read besides the data. Once `main.ts` has read the settings' files, it revokes its permission for them. */
const READ_PATHS = [".env", "layercode.config.json", "src"];

/**
 * Returns the flags, with blanks between them. If the settings are invalid, they
 * are the flags for the defaults, without the network: the command itself will
 * then list the problems.
 *
 * @param dotenv the text of `.env`, which may refer to variables that are not settings
 * @param hasNet whether to include the hosts of the network, as for the server
 */
export function toFlags({ env, dotenv = "", hasNet = false }: {
  env: Readonly<Record<string, string | undefined>>;
  dotenv?: string;
  hasNet?: boolean;
}): string {
  let config = readConfig({});
  let net = "--deny-net";
  try {
    config = readConfig(env);
    net = toNetFlag(config, env.PGPORT);
  } catch {
    // Some settings can't be used.
  }
  const { dataDir, sessionStore } = config;
  const path = sessionStore?.type === "kv" ? sessionStore.path ?? "" : "";
  const paths = path === "" || isHttpUrl(path) ? [dataDir] : [dataDir, path];
  const variables = new Set([...VARIABLES, ...findReferences(dotenv)]);
  return [
    `--allow-env=${[...variables]}`,
    `--allow-read=${[...READ_PATHS, ...paths]}`,
    `--allow-write=${paths}`,
    ...hasNet ? [net] : [],
  ].join(" ");
}

function isHttpUrl(path: string): boolean {
  return /^https?:/.test(path);
}

/** Returns the flag for the hosts that the server listens on or connects to. */
function toNetFlag(config: Config, postgresPort?: string): string {
  const { hostname, port, layercode, sessionStore, toolHosts = [] } = config;
  // Only the KV server itself knows the hosts of its data.
  const isRemoteKv = sessionStore?.type === "kv" &&
    isHttpUrl(sessionStore.path ?? "");
  if (isRemoteKv || toolHosts.includes("*")) return "--allow-net";
  // Without a chosen vendor, the server looks for an Ollama.
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
    ...addresses.flatMap((address) => toHost(address, postgresPort) ?? []),
    ...toolHosts,
  ];
  return `--allow-net=${[...new Set(hosts)]}`;
}

/** Returns the host and the port of a URL; `undefined` if it is not a URL, or names a socket. */
function toHost(address: unknown, postgresPort = "5432"): string | undefined {
  const url = typeof address === "string" ? URL.parse(address) : null;
  if (!url || !/^(https?|postgres(ql)?):$/.test(url.protocol)) return undefined;
  const host = url.searchParams.get("host") ?? url.hostname;
  if (!/^([\w-]+(\.[\w-]+)*|\[[\da-f:.]+\])$/i.test(host)) return undefined;
  const httpPort = { "http:": "80", "https:": "443" }[url.protocol];
  return `${host}:${url.port || (httpPort ?? postgresPort)}`;
}

if (import.meta.main) {
  const { env } = await readEnvironment(Deno.env, SETTINGS);
  const dotenv = await readIfThere(".env").catch(() => "") ?? "";
  const hasNet = Deno.args.includes("--net");
  const flags = toFlags({ env, dotenv, hasNet });
  await Deno.stdout.write(new TextEncoder().encode(`${flags}\n`));
}
