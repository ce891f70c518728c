/**
 * Method and path to handler, and the last catch: whatever goes wrong behind
 * it, a sender gets JSON that tells nothing internal.
 *
 * @module
 */
import { HttpError, notFound, shuttingDown, toHttpError } from "./http.ts";
import type { Log } from "./log.ts";

/** Who sent a request. */
export interface Sender {
  /** The client's IP address, which trusted proxies may have told; or `unknown`. */
  readonly address: string;
}

/** Whoever sent a request without a connection, in this process. */
export const NOBODY: Sender = { address: "unknown" };

/** Answers a request. */
export type Handler = (
  request: Request,
  sender: Sender,
) => Response | Promise<Response>;

/** Answers all requests. */
export type App = (request: Request, sender?: Sender) => Promise<Response>;

/**
 * Handlers by path and method. A `*` at a path's end stands for one segment of
 * any kind; {@linkcode lastSegment} reads it.
 */
export type Routes = Record<string, Partial<Record<string, Handler>>>;

/**
 * Makes the one handler that `Deno.serve` gets.
 *
 * @param log told what the last catch keeps from the sender
 * @param isDraining whether the server is shutting down: nothing new is begun
 */
export function createApp(
  { routes, log, isDraining }: {
    routes: Routes;
    log: Log;
    isDraining: () => boolean;
  },
): App {
  return async function handle(request, sender = NOBODY) {
    try {
      if (isDraining()) throw shuttingDown();
      return await find(routes, request)(request, sender);
    } catch (error) {
      return toHttpError(error, log).toResponse();
    }
  };
}

/** The longest path that is looked at, in characters; it has only ASCII. */
const MAX_PATH = 2048;

function find(routes: Routes, request: Request): Handler {
  const url = URL.parse(request.url);
  // Deno puts the Host header into the address as it came: with a path in it,
  // that would be asked for, past a proxy that lets only some paths through.
  if (url === null || /[/\\?#@]/.test(request.headers.get("host") ?? "")) {
    throw new HttpError(400, "invalid_host", "The Host header is no host");
  }
  const { pathname } = url;
  if (pathname.length > MAX_PATH) {
    const message = `The path is longer than ${MAX_PATH} characters`;
    throw new HttpError(414, "path_too_long", message);
  }
  const path = withoutLastSlash(pathname);
  const methods = own(routes, path) ?? own(routes, withAnyEnd(path));
  if (methods === undefined) throw notFound();
  const method = request.method === "HEAD" ? "GET" : request.method;
  const handler = own(methods, method);
  if (handler !== undefined) return handler;
  const allow = Object.keys(methods)
    .map((name) => name === "GET" ? "GET, HEAD" : name).join(", ");
  const message = `This path takes ${allow}`;
  throw new HttpError(405, "method_not_allowed", message, { allow });
}

function own<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

// A stranger writes the path. These functions use no regular expressions, which
// may take time to the square of its length.

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The path with `*` for its last segment; as it is, where that is empty. */
function withAnyEnd(path: string): string {
  const begin = path.slice(0, path.lastIndexOf("/") + 1);
  return begin === path ? path : `${begin}*`;
}

/**
 * The last segment of a request's path, decoded.
 *
 * @throws {HttpError} 400 when it isn't an encoded text
 */
export function lastSegment(request: Request): string {
  const path = withoutLastSlash(new URL(request.url).pathname);
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  } catch {
    throw new HttpError(400, "invalid_path", "The path is not encoded right");
  }
}
