/**
 * Listening, and going on with it when the process runs out of file
 * descriptors: `Deno.serve` then stops accepting for good, and rejects.
 *
 * Some descriptors are kept in reserve. When accepting fails they are let go,
 * so that the calls under way can reach their model and their store; the
 * connections on which nothing is asked are closed; and as soon as the reserve
 * is whole again, the same address is listened on again.
 *
 * @module
 */
import type { Log } from "./log.ts";

/** Where to listen, and what to do there. */
export interface ListenOptions {
  /** 0: any that is free. */
  port: number;
  /** The address to listen on. */
  hostname: string;
  /** Answers every request. */
  handler: Deno.ServeHandler<Deno.NetAddr>;
  /** Told the address, once. */
  onListen: (address: Deno.NetAddr) => void;
  /** Whether somebody else accepts connections and hands them to us. */
  isDeploy: boolean;
  /** Told when accepting fails, and when it is done again. */
  log: Log;
}

/**
 * How many connections may wait to be accepted; the system may allow less. Who
 * finds no place waits for a second, or for three, before it asks again.
 */
const BACKLOG = 4_096;

/** How many descriptors are kept for the calls under way. */
const RESERVE = 32;

/** How long the closed connections get to give their descriptors back. */
const PAUSE_MS = 100;

/** How long to wait when there are still too few. */
const RETRY_MS = 500;

/** How often Deno 2.5, which doesn't tell, is looked after. */
const WATCH_MS = 100;

/** A flood makes one line of the log in this time, and not one for each try. */
const LOG_EVERY_MS = 60_000;

const FIX = "more are connected than the limit of open files allows: raise " +
  "it (ulimit -n), or let a proxy in front limit connections";

/**
 * Listens until it is shut down.
 *
 * @returns a function that shuts it down: nobody is accepted any more. Resolves
 * when all that was asked is answered
 * @throws {Error} when the address can't be listened on
 */
export function listen(options: ListenOptions): () => Promise<void> {
  const { hostname, log } = options;
  const reserve = createReserve();
  try {
    reserve.fill();
  } catch {
    // With a limit this low, listening matters more.
  }
  let server: Deno.HttpServer;
  let isAccepting = true;
  let isShutDown = false;
  let loggedAt = -Infinity;
  /** Resolves for each failed server when its last answer has left. */
  const ended: Promise<void>[] = [];
  const { port } = serve(options.port, options.onListen);
  const isSilent = Deno.version.deno.startsWith("2.5.") && !options.isDeploy;
  const timer = isSilent ? setInterval(watch, WATCH_MS) : undefined;

  function serve(
    port: number,
    onListen: ListenOptions["onListen"],
  ): Deno.NetAddr {
    let hasWebSockets = false;
    const where = { port, hostname, onListen, tcpBacklog: BACKLOG };
    const served = Deno.serve(where, async (request, info) => {
      const response = await options.handler(request, info);
      hasWebSockets ||= response.status === 101;
      return response;
    });
    served.finished.catch((error) => {
      // What it was asked is still answered; idle connections are closed. So
      // are WebSockets since Deno 2.9, and a call may go over one. Where the
      // server has ended already, there is nothing to wait for.
      if (!hasWebSockets) ended.push(served.shutdown().catch(() => {}));
      if (served === server) pause(error);
    });
    server = served;
    return served.addr;
  }

  // Deno 2.5 rejects only once the last connection has ended. Before that, the
  // address tells: nobody listens there when it can be had.
  function watch(): void {
    if (!isAccepting) return;
    try {
      Deno.listen({ hostname, port }).close();
      pause(new Error("Nobody accepts connections any more"));
    } catch (error) {
      if (isExhausted(error)) pause(error);
    }
  }

  function pause(error: unknown): void {
    if (isShutDown || !isAccepting) return;
    isAccepting = false;
    reserve.release();
    const isLogged = performance.now() - loggedAt > LOG_EVERY_MS;
    if (isLogged) {
      loggedAt = performance.now();
      log.error("server.full", { error, fix: FIX });
    }
    setTimeout(resume, PAUSE_MS, isLogged);
  }

  function resume(isLogged: boolean): void {
    if (isShutDown) return;
    try {
      reserve.fill();
      serve(port, () => {});
    } catch (error) {
      // In use it is by the server that we have, if that has not failed yet.
      if (!(error instanceof Deno.errors.AddrInUse)) {
        reserve.release();
        setTimeout(resume, RETRY_MS, isLogged);
        return;
      }
    }
    isAccepting = true;
    if (isLogged) log.info("server.accepting", { hostname, port });
  }

  return async function shutdown() {
    isShutDown = true;
    clearInterval(timer);
    reserve.release();
    if (isAccepting) ended.push(server.shutdown());
    await Promise.all(ended);
  };
}

/** Whether this process, or the machine, can't open another file. */
function isExhausted(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "EMFILE" || code === "ENFILE";
}

/** Open files that stand for descriptors to be had at once. */
function createReserve() {
  const files: Deno.FsFile[] = [];

  function shrink(size: number): void {
    for (const file of files.splice(size)) file.close();
  }
  return {
    /** Opens what is missing. Throws unless as many again are left for the calls. */
    fill(): void {
      try {
        while (files.length < 2 * RESERVE) {
          files.push(Deno.openSync(new URL(import.meta.url)));
        }
      } catch (error) {
        // Where this file can't be opened for another reason, all is as good
        // as it can be without a reserve.
        if (isExhausted(error)) {
          shrink(0);
          throw error;
        }
      }
      shrink(RESERVE);
    },
    /** Gives all of them back. */
    release: () => shrink(0),
  };
}
