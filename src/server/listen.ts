/**
 * Listens for requests, and recovers when the process runs out of file
 * descriptors: `Deno.serve` then stops accepting for good, and rejects.
 *
 * @module
 */
import { createSenderReader } from "./address.ts";
import { delay } from "./deadline.ts";
import { createBoundedLog } from "./limits.ts";
import type { Log } from "./log.ts";
import type { App } from "./router.ts";
import type { ServerSettings } from "./settings.ts";

/** What is needed to listen. */
export interface ListenParts {
  /** Port 0 chooses a free port. On Deno Deploy, the platform accepts the connections. */
  config: Pick<ServerSettings, "port" | "trustedProxies"> & {
    hostname: string;
    isDeploy: boolean;
  };
  /** Answers every request. */
  app: App;
  /** Tells when accepting fails, and when it works again. */
  log: Log;
}

/** How many connections may wait to be accepted; the system may allow fewer. */
const BACKLOG = 4_096;

/** How long to wait before listening is tried again, and how often Deno 2.5 is watched. */
const PAUSE_MS = 100;

const FIX = "there are more connections than the limit of open files allows: " +
  "raise it (ulimit -n), or let a proxy in front limit connections";

/**
 * Listens until it is shut down.
 *
 * @returns the URL of the server, and a function that stops accepting
 * connections and resolves when every request has been answered
 * @throws {Error} when the address can't be listened on
 */
export function listen(
  { config, app, log }: ListenParts,
): { url: string; shutdown(): Promise<void> } {
  const { hostname, port, isDeploy, trustedProxies } = config;
  const needsWatching = Deno.version.deno.startsWith("2.5.") && !isDeploy;
  const readSender = createSenderReader(trustedProxies);
  // Writes one line of each event in a minute, not one for each try.
  const bounded = createBoundedLog(log, Date.now, 1);
  /** For each server, resolves when it was shut down and has sent its last answer. */
  const ended: Promise<void>[] = [];
  let isShutDown = false;
  let server: Deno.HttpServer<Deno.NetAddr>;

  function start(port: number): typeof server {
    const started = Deno.serve(
      { hostname, port, tcpBacklog: BACKLOG, onListen: () => {} },
      (request, { remoteAddr }) =>
        app(request, readSender(remoteAddr.hostname, request)),
    );
    const failures = [started.finished];
    if (needsWatching) failures.push(watch(hostname, started.addr.port));
    Promise.race(failures).catch(recover);
    return started;
  }

  function stop(): void {
    // This closes idle connections, and still answers the requests under way.
    // It rejects if the server has ended already.
    ended.push(server.shutdown().catch(() => {}));
  }

  async function recover(error: unknown): Promise<void> {
    if (isShutDown) return;
    bounded.error("server.full", { error, fix: FIX });
    // With Deno 2.5, this would leave callers without an answer.
    if (!needsWatching) stop();
    while (true) {
      await delay(PAUSE_MS);
      if (isShutDown) return;
      try {
        const { port } = server.addr;
        server = start(port);
        return bounded.info("server.accepting", { hostname, port });
      } catch {
        // There are no descriptors yet.
      }
    }
  }

  try {
    server = start(port);
  } catch (cause) {
    throw explainFailure(cause, { hostname, port });
  }
  return {
    url: toServerUrl(server.addr),
    async shutdown() {
      isShutDown = true;
      stop();
      await Promise.all(ended);
    },
  };
}

function explainFailure(
  cause: unknown,
  { hostname, port }: { hostname: string; port: number },
): Error {
  return cause instanceof Deno.errors.AddrInUse
    ? new Error(
      `Port ${port} is in use, perhaps by another Parley: stop what uses ` +
        "it, or set PORT to another",
    )
    : new Error(`Cannot listen on ${hostname}:${port}: check HOST and PORT`, {
      cause,
    });
}

/**
 * Watches a server's address. Deno 2.5 rejects `finished` only once the last
 * connection has ended: until then, the failure shows in that the address is free.
 */
async function watch(hostname: string, port: number): Promise<never> {
  while (true) {
    await delay(PAUSE_MS);
    try {
      Deno.listen({ hostname, port }).close();
    } catch {
      // It is in use, as it should be.
      continue;
    }
    throw new Error("The server stopped accepting connections");
  }
}

/** Returns the URL of a server that listens on an address. */
export function toServerUrl(
  { hostname, port }: { hostname: string; port: number },
): string {
  // The addresses that mean every interface can't be opened.
  if (/^(0\.0\.0\.0|::)$/.test(hostname)) return `http://localhost:${port}`;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}
