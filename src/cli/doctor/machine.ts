/**
 * What belongs to this machine and to no part of Parley: Deno's version, and
 * the address that the server is to listen on.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import type { Finding } from "../../settings/finding.ts";

/** Says whether this Deno, e.g. `2.9.6`, is one that Parley runs on: 2.5 or newer. */
export function checkDeno(version: string): Finding {
  const title = "Deno";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 5)) {
    return { status: "ok", title, detail: version };
  }
  return {
    status: "fail",
    title,
    detail: `${version} is too old: Parley needs 2.5 or newer`,
    fix: "deno upgrade, or npx -y deno instead of deno",
  };
}

/** What the settings say of the server. */
export interface PortConfig {
  /** 0: any that is free. */
  port: number;
  /** The address to listen on. */
  hostname: string;
}

/** Says whether the server's address can be listened on, or who has it. */
export async function checkPort(config: PortConfig): Promise<Finding> {
  const { port, hostname } = config;
  const title = "port";
  // Some systems let two listen on one port, so a running server is asked first.
  const running = port === 0 ? undefined : await findRunning(config);
  if (running) return { status: "ok", title, detail: running };
  try {
    Deno.listen({ port, hostname }).close();
    const detail = port === 0 ? "any that is free" : `${port} is free`;
    return { status: "ok", title, detail };
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      const show = Deno.build.os === "windows"
        ? `netstat -ano | findstr :${port}`
        : `lsof -i :${port}`;
      return {
        status: "fail",
        title,
        detail: `${port} is taken by something that is not Parley`,
        fix: `set PORT to another, or stop it: ${show} shows which it is`,
      };
    }
    return {
      status: "fail",
      title,
      detail: `cannot listen on ${hostname}:${port}: ${explain(error)}`,
      fix: "HOST must be an address of this machine (127.0.0.1 for it alone, " +
        "0.0.0.0 for all it has), and PORT one that this user may have (3000, say)",
    };
  }
}

/** A server on this machine that hangs must not hold up the rest. */
const HEALTH_TIMEOUT_MS = 1_500;

/** Asks the server that the settings describe; `undefined` where there is none, or it isn't Parley. */
async function findRunning(
  { port, hostname }: PortConfig,
): Promise<string | undefined> {
  const host = /^(0\.0\.0\.0|::)$/.test(hostname) ? "127.0.0.1" : hostname;
  const address = host.includes(":") ? `[${host}]` : host;
  const url = `http://${address}:${port}/health`;
  try {
    const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
    const { version, provider, model } = await (await fetch(url, { signal }))
      .json();
    return version && provider && model
      ? `Parley ${version} is running here (${provider}, ${model})`
      : undefined;
  } catch {
    // Nothing is there, or nothing that answers as Parley does.
    return undefined;
  }
}
