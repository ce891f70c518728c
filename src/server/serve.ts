/**
 * The process around the app: listening, saying so, and leaving without
 * cutting anybody off in mid-sentence.
 *
 * @module
 */
import type { Handler } from "./router.ts";
import { listen, type ListenOptions } from "./listen.ts";
import type { Log } from "./log.ts";

/** What is served, and who must be told when it ends. */
export interface ServeParts {
  /** Where to listen. */
  config: Pick<ListenOptions, "hostname" | "port" | "isDeploy">;
  /** Answers every request. */
  app: Handler;
  /** Turns under way, which get a moment to end by themselves. */
  activeTurns: { readonly size: number; endAll(): Promise<void> };
  /** Told when it stops, and when it has. */
  log: Log;
  /** Called when nothing new may begin. */
  onDrain: () => void;
  /** Called when nobody is served any more; gets a moment. */
  onStop: () => Promise<void>;
}

/** Until when after the signal each step may go on. Deno Deploy allows 5 s in all. */
const UNTIL_MS = {
  /** Turns under way end by themselves. */
  drain: 2_500,
  /** Those that have not are ended, and write their last record, if the store answers. */
  clear: 3_000,
  /** The last bytes leave. */
  close: 3_400,
  /** The store lets go of what it holds. */
  stop: 3_800,
};

/** How long the last bytes may need after Deno says that it is done. */
const FLUSH_MS = 50;

/**
 * Serves until SIGINT or SIGTERM.
 *
 * @param onListen told the server's address
 * @throws {Error} when the address can't be listened on
 */
export async function serve(
  parts: ServeParts,
  onListen: (url: string) => void,
): Promise<void> {
  const { activeTurns, log } = parts;
  const shutdown = start(parts, onListen);
  const stop = Promise.withResolvers<Deno.Signal>();
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => stop.resolve(signal));
  }
  log.info("server.stopping", { signal: await stop.promise });
  parts.onDrain();
  const startedAt = performance.now();
  const left = (step: keyof typeof UNTIL_MS) =>
    Math.max(startedAt + UNTIL_MS[step] - performance.now(), 0);
  while (activeTurns.size > 0 && left("drain") > 0) await delay(20);
  await Promise.race([activeTurns.endAll(), delay(left("clear"))]);
  await Promise.race([shutdown(), delay(left("close"))]);
  // Deno 2.5 says so a little before the last bytes have left.
  await delay(FLUSH_MS);
  await Promise.race([parts.onStop(), delay(left("stop"))]);
  log.info("server.stopped");
}

function start(
  { config, app, log }: ServeParts,
  onListen: (url: string) => void,
): () => Promise<void> {
  const { port, hostname, isDeploy } = config;
  try {
    return listen({
      port,
      hostname,
      isDeploy,
      log,
      onListen: (address) => onListen(toUrl(address)),
      handler: (request, { remoteAddr }) =>
        app(request, { address: remoteAddr.hostname }),
    });
  } catch (cause) {
    throw cause instanceof Deno.errors.AddrInUse
      ? new Error(
        `Port ${port} is in use: stop what uses it, or set PORT to another`,
      )
      : new Error(
        `Cannot listen on ${hostname}:${port}: check HOST and PORT`,
        { cause },
      );
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** An address that can be opened: "any interface" is no place to go to. */
function toUrl({ hostname, port }: Deno.NetAddr): string {
  if (/^(0\.0\.0\.0|::)$/.test(hostname)) return `http://localhost:${port}`;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}
