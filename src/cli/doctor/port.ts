/**
 * Whether the server's address can be listened on, or who has it.
 *
 * @module
 */
import type { Config } from "../../settings/config.ts";
import { createLog, explain } from "../../server/log.ts";
import { chooseProvider } from "../../providers/mod.ts";
import { findRunning, type Running } from "./running.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, warn, fail } = findings("port");

/** Looks at `HOST` and `PORT`. */
export async function checkPort(
  { config }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { port, hostname } = config;
  // Asked first: some systems let two listen on one port.
  const running = await findRunning(config, signal);
  if (running) return [await compare(running, config, signal)];
  try {
    Deno.listen({ port, hostname }).close();
    return [ok(port === 0 ? "any that is free" : `${port} is free`)];
  } catch (error) {
    return [explainPort(error, config)];
  }
}

/** Why an address can't be listened on. */
export function explainPort(
  error: unknown,
  { port, hostname }: Pick<Config, "port" | "hostname">,
): Result {
  if (error instanceof Deno.errors.AddrInUse) {
    return fail(
      `${port} is taken by something that is not Parley`,
      Deno.build.os === "windows"
        ? `set PORT to another, or stop it: netstat -ano | findstr :${port} shows which it is`
        : `set PORT to another, or stop it: lsof -i :${port} shows which it is`,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return fail(
      `this user may not listen on ${port}`,
      "set PORT to 1024 or more (3000, say), and let a proxy take the lower one",
    );
  }
  return fail(
    `cannot listen on ${hostname}: ${explain(error)}`,
    "HOST must be an address of this machine: 127.0.0.1 for it alone, 0.0.0.0 for all it has",
  );
}

/** Whether a server that runs is the one that the settings describe. */
async function compare(
  running: Running,
  config: Config,
  signal: AbortSignal,
): Promise<Result> {
  const { version, provider, model } = running;
  const here = `Parley ${version} is running here (${provider}, ${model})`;
  const quiet = createLog({ level: "error", format: "json", write() {} });
  const next = await chooseProvider(config, quiet);
  if (provider === "echo" && config.providers.length === 0) {
    // The stand-in of a server that found nothing else gives way by itself.
    return ok(
      next.name === "echo"
        ? here
        : `${here}; ${next.name} is there, and answers from its next turn on`,
    );
  }
  // Asking it makes it choose its model, where it has to.
  const answers = await next.check(signal).then(() => true, () => false);
  const same = next.name === provider && (next.model === model || !answers);
  return same ? ok(here) : warn(
    `${here}, but the settings are for ${next.name}, ${next.model}`,
    "start the server again, so that it reads today's settings",
  );
}
