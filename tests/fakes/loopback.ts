/**
 * Servers on loopback that play other services.
 *
 * @module
 */
import { freePort } from "./ports.ts";

/** A server on loopback. */
export interface LoopbackServer extends AsyncDisposable {
  /** Its address, without a slash at the end. */
  url: string;
  /** Its port. */
  port: string;
}

/** Starts a server on a free port. */
export function serveOn(
  handler: (request: Request) => Response | Promise<Response>,
): LoopbackServer {
  // Aborted, not shut down: connections that a client keeps open must not delay a test.
  const over = new AbortController();
  const { signal } = over;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal, onListen() {} },
    handler,
  );
  const port = String(server.addr.port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      over.abort();
      await server.finished;
    },
  };
}

/** Returns an address where nothing listens. */
export function deadUrl(): string {
  return `http://127.0.0.1:${freePort()}`;
}

/** Runs a test with a new folder. */
export async function inFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
