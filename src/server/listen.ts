/**
 * Listens for requests, and recovers when the process runs out of file
 * descriptors: `Deno.serve` then stops accepting for good, and rejects.
 *
 * Some descriptors are held in reserve. When accepting fails, they are released,
 * so that the calls under way can reach their model and their store, and idle
 * connections are closed. As soon as the reserve can be filled again, the server
 * listens on the same address again.
 *
 * @module
 */
import { createSenderReader } from "./address.ts";
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
  /** Logs when accepting fails, and when it works again. */
  log: Log;
}

/** How many connections may wait to be accepted; the system may allow fewer. */
const BACKLOG = 4_096;

/** How many descriptors are reserved for the calls under way. */
const RESERVE = 32;

/** How long to wait, after connections were closed, before listening is tried again; and how often Deno 2.5 is watched. */
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

/** Returns the URL of a server that listens on an address. */
export function toServerUrl(
  { hostname, port }: { hostname: string; port: number },
): string {
  // The addresses that mean every interface can't be opened.
  if (/^(0\.0\.0\.0|::)$/.test(hostname)) return `http://localhost:${port}`;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}

class Listener {
  readonly url: string;
  readonly #app: App;
  readonly #readSender: ReturnType<typeof createSenderReader>;
  /** Writes one line of each event in a minute, not one for each try. */
  readonly #log: Log;
  readonly #reserve = createReserve();
  readonly #address: { hostname: string; port: number };
  readonly #timer;
  #server: Deno.HttpServer<Deno.NetAddr>;
  /** For each server that failed or was shut down, resolves when it has sent its last answer. */
  readonly #ended: Promise<void>[] = [];
  #isAccepting = true;
  #isShutDown = false;

  constructor({ config, app, log }: ListenParts) {
    const { hostname, port, isDeploy, trustedProxies } = config;
    this.#app = app;
    this.#readSender = createSenderReader(trustedProxies);
    this.#log = createBoundedLog(log, Date.now, 1);
    // If the limit is too low for a reserve, the server listens without one.
    this.#reserve.fill();
    this.#server = this.#serve({ hostname, port });
    this.#address = { hostname, port: this.#server.addr.port };
    this.url = toServerUrl(this.#server.addr);
    const needsWatching = Deno.version.deno.startsWith("2.5.") && !isDeploy;
    if (needsWatching) this.#timer = setInterval(() => this.#watch(), PAUSE_MS);
  }

  #serve(address: { hostname: string; port: number }) {
    const server = Deno.serve(
      { ...address, tcpBacklog: BACKLOG, onListen: () => {} },
      (request, { remoteAddr: { hostname } }) =>
        this.#app(request, this.#readSender(hostname, request)),
    );
    server.finished.catch((error) => {
      // This closes idle connections, and still answers the requests under way.
      // It rejects if the server has ended already.
      this.#ended.push(server.shutdown().catch(() => {}));
      if (server === this.#server) this.#recover(error);
    });
    return server;
  }

  /**
   * Deno 2.5 rejects only once the last connection has ended. Until then, the
   * failure shows in that the address is free again.
   */
  #watch(): void {
    if (!this.#isAccepting) return;
    try {
      Deno.listen(this.#address).close();
      this.#recover(new Error("The server stopped accepting connections"));
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
    this.#log.info("server.accepting", this.#address);
  }

  /** Tries to listen again. Returns whether there are descriptors again and the server accepts connections. */
  #listenAgain(): boolean {
    if (!this.#reserve.fill()) return false;
    try {
      this.#server = this.#serve(this.#address);
      return true;
    } catch (error) {
      // The address is in use by our own server if that has not failed yet.
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

/** Whether an error says that this process or the machine has too many open files. */
function isExhausted(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "EMFILE" || code === "ENFILE";
}

/** Creates a reserve of file descriptors, which are held by open files. */
function createReserve() {
  const files: Deno.FsFile[] = [];

  function shrink(size: number): void {
    for (const file of files.splice(size)) file.close();
  }

  /** Fills the reserve. Returns whether as many descriptors again are free for calls. */
  function fill(): boolean {
    try {
      while (files.length < 2 * RESERVE) {
        files.push(Deno.openSync(new URL(import.meta.url)));
      }
    } catch (error) {
      // If the file can't be opened for another reason, there is no reserve.
      if (isExhausted(error)) return false;
    }
    shrink(RESERVE);
    return true;
  }
  return { fill, release: () => shrink(0) };
}
