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
import { createSenderReader } from "./address.ts";
import { createBoundedLog } from "./limits.ts";
import type { Log } from "./log.ts";
import type { App } from "./router.ts";
import type { ServerSettings } from "./settings.ts";

/** Where to listen, and what to do there. */
export interface ListenParts {
  /** Port 0 is any that is free. On Deno Deploy, others accept connections for us. */
  config: Pick<ServerSettings, "port" | "trustedProxies"> & {
    hostname: string;
    isDeploy: boolean;
  };
  /** Answers every request. */
  app: App;
  /** Told when accepting fails, and when it is done again. */
  log: Log;
}

/** How many connections may wait to be accepted; the system may allow less. */
const BACKLOG = 4_096;

/** How many descriptors are kept for the calls under way. */
const RESERVE = 32;

/** How long closed connections get to give their descriptors back, and how often is looked again. */
const PAUSE_MS = 100;

const FIX = "more are connected than the limit of open files allows: raise " +
  "it (ulimit -n), or let a proxy in front limit connections";

/**
 * Listens until it is shut down.
 *
 * @returns the address, as it can be opened, and a function that accepts nobody
 * any more and resolves when all that was asked is answered
 * @throws {Error} when the address can't be listened on
 */
export function listen(
  parts: ListenParts,
): { url: string; shutdown(): Promise<void> } {
  const { hostname, port } = parts.config;
  try {
    return new Listener(parts);
  } catch (cause) {
    throw cause instanceof Deno.errors.AddrInUse
      ? new Error(
        `Port ${port} is in use, perhaps by another Parley: stop what uses ` +
          "it, or set PORT to another",
      )
      : new Error(
        `Cannot listen on ${hostname}:${port}: check HOST and PORT`,
        { cause },
      );
  }
}

/** The address of a server that listens there, as it can be opened. */
export function toServerUrl(
  { hostname, port }: { hostname: string; port: number },
): string {
  // "Any interface" is no place to go to.
  if (/^(0\.0\.0\.0|::)$/.test(hostname)) return `http://localhost:${port}`;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}

class Listener {
  readonly url: string;
  readonly #app: App;
  readonly #readSender: ReturnType<typeof createSenderReader>;
  /** One line of each kind in a minute, and not one for each try. */
  readonly #log: Log;
  readonly #reserve = createReserve();
  readonly #where: { hostname: string; port: number };
  readonly #timer;
  #server: Deno.HttpServer<Deno.NetAddr>;
  /** Resolves for each failed server when its last answer has left. */
  readonly #ended: Promise<void>[] = [];
  #isAccepting = true;
  #isShutDown = false;

  constructor({ config, app, log }: ListenParts) {
    const { hostname, port, isDeploy, trustedProxies } = config;
    this.#app = app;
    this.#readSender = createSenderReader(trustedProxies);
    this.#log = createBoundedLog(log, Date.now, 1);
    // With a limit so low that there is no reserve, listening matters more.
    this.#reserve.fill();
    this.#server = this.#serve({ hostname, port });
    this.#where = { hostname, port: this.#server.addr.port };
    this.url = toServerUrl(this.#server.addr);
    const isSilent = Deno.version.deno.startsWith("2.5.") && !isDeploy;
    if (isSilent) this.#timer = setInterval(() => this.#watch(), PAUSE_MS);
  }

  #serve(where: { hostname: string; port: number }) {
    const server = Deno.serve(
      { ...where, tcpBacklog: BACKLOG, onListen: () => {} },
      (request, { remoteAddr: { hostname } }) =>
        this.#app(request, this.#readSender(hostname, request)),
    );
    server.finished.catch((error) => {
      // What it was asked is still answered; idle connections are closed. Where
      // the server has ended already, there is nothing to wait for.
      this.#ended.push(server.shutdown().catch(() => {}));
      if (server === this.#server) this.#recover(error);
    });
    return server;
  }

  /**
   * Deno 2.5 rejects only once the last connection has ended. Before that, the
   * address tells: nobody listens there when it can be had.
   */
  #watch(): void {
    if (!this.#isAccepting) return;
    try {
      Deno.listen(this.#where).close();
      this.#recover(new Error("Nobody accepts connections any more"));
    } catch (error) {
      if (isExhausted(error)) this.#recover(error);
    }
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#isShutDown || !this.#isAccepting) return;
    this.#isAccepting = false;
    this.#log.error("server.full", { error, fix: FIX });
    do {
      this.#reserve.release();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      if (this.#isShutDown) return;
    } while (!this.#listenAgain());
    this.#isAccepting = true;
    this.#log.info("server.accepting", this.#where);
  }

  /** Whether there are descriptors again, and somebody accepts connections. */
  #listenAgain(): boolean {
    if (!this.#reserve.fill()) return false;
    try {
      this.#server = this.#serve(this.#where);
      return true;
    } catch (error) {
      // In use it is by the server that we have, if that has not failed yet.
      return error instanceof Deno.errors.AddrInUse;
    }
  }

  async shutdown(): Promise<void> {
    this.#isShutDown = true;
    clearInterval(this.#timer);
    this.#reserve.release();
    if (this.#isAccepting) this.#ended.push(this.#server.shutdown());
    await Promise.all(this.#ended);
  }
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

  /** Opens what is missing, and says whether as many again are left for the calls. */
  function fill(): boolean {
    try {
      while (files.length < 2 * RESERVE) {
        files.push(Deno.openSync(new URL(import.meta.url)));
      }
    } catch (error) {
      // Where this file can't be opened for another reason, there is no reserve.
      if (isExhausted(error)) return false;
    }
    shrink(RESERVE);
    return true;
  }
  return { fill, release: () => shrink(0) };
}
