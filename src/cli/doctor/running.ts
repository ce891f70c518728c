/**
 * A Parley that runs on this machine already, if there is one.
 *
 * @module
 */
import type { Config } from "../../settings/config.ts";
import { ask } from "./net.ts";

/** What a running server's `/health` tells. */
export interface Running {
  /** Its address, without a path. */
  url: string;
  /** Parley's version. */
  version: string;
  /** Who answers. */
  provider: string;
  /** With which model. */
  model: string;
  /** For how long it has been running. */
  uptimeSeconds: number;
}

/** Where the settings' server is to be found on this machine. */
function localUrl({ hostname, port }: Config): string {
  const host = hostname === "0.0.0.0"
    ? "127.0.0.1"
    : hostname === "::"
    ? "[::1]"
    : hostname.includes(":")
    ? `[${hostname}]`
    : hostname;
  return `http://${host}:${port}`;
}

/** How long a server on this machine may take: one that hangs must not take others' time. */
const LOCAL_TIMEOUT_MS = 1_500;

/** Asks the server that the settings describe; `undefined` where there is none, or another than Parley. */
export async function findRunning(
  config: Config,
  signal: AbortSignal,
): Promise<Running | undefined> {
  if (config.port === 0) return undefined;
  const url = localUrl(config);
  const soon = AbortSignal.timeout(LOCAL_TIMEOUT_MS);
  try {
    const { status, json } = await ask(`${url}/health`, {
      signal: AbortSignal.any([signal, soon]),
    });
    return status === 200 ? toRunning(url, json) : undefined;
  } catch {
    // Nothing there, or nothing that speaks HTTP: it isn't Parley.
    return undefined;
  }
}

/** What a `/health` says, if it is Parley's. */
export function toRunning(
  url: string,
  { status, version, provider, model, uptime_s }: Record<string, unknown>,
): Running | undefined {
  if (status !== "ok" || typeof version !== "string") return undefined;
  if (typeof provider !== "string" || typeof model !== "string") {
    return undefined;
  }
  return { url, version, provider, model, uptimeSeconds: Number(uptime_s) };
}
