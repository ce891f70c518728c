/**
 * The process around the app: listening, saying so, and leaving without
 * cutting anybody off in mid-sentence.
 *
 * @module
 */
import type { Handler } from "./app.ts";
import type { Config } from "./config.ts";
import type { Floor } from "./conversation/floor.ts";
import type { Log } from "./log.ts";

/** What is served, and who must be told when it ends. */
export interface ServeParts {
  config: Config;
  app: Handler;
  floor: Floor;
  log: Log;
  /** Called when nothing new may begin. */
  onDrain: () => void;
}

/** How long turns under way may take to end by themselves. Deno Deploy allows 5 s in all. */
const DRAIN_MS = 3_000;

/** How long the last bytes may take to leave after that. */
const CLOSE_MS = 1_000;

/**
 * Serves until SIGINT or SIGTERM.
 *
 * @param onListen told the server's address
 * @throws {Deno.errors.AddrInUse} when the port is taken
 */
export async function serve(
  parts: ServeParts,
  onListen: (url: string) => void,
): Promise<void> {
  const { config, app, floor, log } = parts;
  const { port, hostname } = config;
  const server = Deno.serve({
    port,
    hostname,
    onListen: (address) => onListen(toUrl(address)),
  }, app);
  const stop = Promise.withResolvers<Deno.Signal>();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => stop.resolve(signal));
  }
  log.info("server.stopping", { signal: await stop.promise });
  parts.onDrain();
  const deadline = Date.now() + DRAIN_MS;
  while (floor.size > 0 && Date.now() < deadline) await sleep(20);
  await floor.clear();
  await Promise.race([server.shutdown(), sleep(CLOSE_MS)]);
  log.info("server.stopped");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An address that can be opened: "any interface" is no place to go to. */
function toUrl({ hostname, port }: Deno.NetAddr): string {
  const host = hostname === "0.0.0.0" || hostname === "::"
    ? "localhost"
    : hostname.includes(":")
    ? `[${hostname}]`
    : hostname;
  return `http://${host}:${port}`;
}
