/**
 * What belongs to this machine and to no part of Parley: Deno's version, and
 * the address that the server is to listen on.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import type { Config } from "../../settings/config.ts";
import type { Finding } from "../../settings/finding.ts";
import { toLocalUrl } from "../_terminal.ts";

/** Says whether this Deno, e.g. `2.9.6`, is one that Parley runs on: 2.5 or newer. */
export function checkDeno(version: string): Finding {
  const title = "Deno";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 5)) {
    return { status: "ok", title, detail: version };
  }
  const detail = `${version} is too old: Parley needs 2.5 or newer`;
  const fix = "deno upgrade, or npx -y deno instead of deno";
  return { status: "fail", title, detail, fix };
}

/** Where the server is to listen. */
export type Address = Pick<Config, "port" | "hostname">;

/** Says whether the server's address can be listened on, or who has it. */
export async function checkPort(
  { port, hostname }: Address,
): Promise<Finding> {
  const title = "port";
  // Some systems let two listen on one port, so a running server is asked first.
  const running = await findRunning({ port, hostname });
  if (running) return { status: "ok", title, detail: running };
  try {
    Deno.listen({ port, hostname }).close();
    return { status: "ok", title, detail: `${port} is free` };
  } catch (error) {
    const [detail, fix] = error instanceof Deno.errors.AddrInUse
      ? [
        `${port} is taken by something that is not Parley`,
        "set PORT to another, or stop what uses it",
      ]
      : [
        `cannot listen on ${hostname}:${port}: ${explain(error)}`,
        "HOST must be an address of this machine (127.0.0.1 for it alone, " +
        "0.0.0.0 for all it has), and PORT one that this user may have",
      ];
    return { status: "fail", title, detail, fix };
  }
}

/** A server on this machine that hangs must not hold up the rest. */
const HEALTH_TIMEOUT_MS = 1_500;

/** Asks the server that the settings describe; `undefined` where there is none, or it isn't Parley. */
async function findRunning(address: Address): Promise<string | undefined> {
  try {
    const response = await fetch(`${toLocalUrl(address)}/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    const { version, provider, model } = await response.json();
    return version && provider && model
      ? `Parley ${version} is running here (${provider}, ${model})`
      : undefined;
  } catch {
    // Nothing is there, or nothing that answers as Parley does.
    return undefined;
  }
}
