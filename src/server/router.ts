/**
 * Finds the handler for a method and a path. Whatever error a handler throws, the
 * sender gets JSON that reveals nothing internal.
 *
 * @module
 */
import { HttpError, notFound, shuttingDown, toHttpError } from "./http.ts";
import type { Log } from "./log.ts";

/** Who sent a request. */
export interface Sender {
  /** The client's IP address, possibly as reported by trusted proxies; or `unknown`. */
  readonly address: string;
}

/** The sender of a request that has no connection, since this process made it. */
export const UNKNOWN_SENDER: Sender = { address: "unknown" };

/** Answers a request. */
export type Handler = (
  request: Request,
  sender: Sender,
) => Response | Promise<Response>;

/** Answers all requests. */
export type App = (request: Request, sender?: Sender) => Promise<Response>;

/**
 * Handlers by path and method. A `*` at the end of a path matches any one
 * segment, which {@linkcode lastSegment} returns.
 */
export type Routes = Record<string, Partial<Record<string, Handler>>>;

/**
 * Creates the handler that `Deno.serve` calls.
 *
 * @param isDraining whether the server is shutting down, and refuses requests
 * @param refuse writes an error for a path. Default: the documented form
 */
export function createApp(
  { routes, log, isDraining, refuse = (error) => error.toResponse() }: {
    routes: Routes;
    log: Log;
    isDraining: () => boolean;
    refuse?: (error: HttpError, path: string) => Response;
  },
): App {
  return async function handle(request, sender = UNKNOWN_SENDER) {
    try {
      if (isDraining()) throw shuttingDown();
      return await findHandler(routes, request)(request, sender);
    } catch (error) {
      const path = URL.parse(request.url)?.pathname ?? "";
      return refuse(toHttpError(error, log), path);
    }
  };
}

/** The longest path that is accepted, in characters, all of which are ASCII. */
const MAX_PATH = 2048;

function findHandler(routes: Routes, request: Request): Handler {
  const url = URL.parse(request.url);
  // Deno puts the Host header into the URL unchecked: with a path in it, that
  // would be asked for, past a proxy that lets only some paths through.
  if (url === null || /[/\\?#@]/.test(request.headers.get("host") ?? "")) {
    throw new HttpError(
      400,
      "invalid_host",
      "The Host header is not a valid host",
    );
  }
  const { pathname } = url;
  if (pathname.length > MAX_PATH) {
    const message = `The path is longer than ${MAX_PATH} characters`;
    throw new HttpError(414, "path_too_long", message);
  }
  const path = withoutLastSlash(pathname);
  const methods = getOwn(routes, path) ?? getOwn(routes, withWildcard(path));
  if (methods === undefined) throw notFound();
  const method = request.method === "HEAD" ? "GET" : request.method;
  const handler = getOwn(methods, method);
  if (handler !== undefined) return handler;
  const allow = Object.keys(methods)
    .map((name) => name === "GET" ? "GET, HEAD" : name).join(", ");
  const message = `This path takes ${allow}`;
  throw new HttpError(405, "method_not_allowed", message, { allow });
}

function getOwn<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

// The path is untrusted. These functions use no regular expressions, which may
// take time that grows with the square of its length.

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Returns the path with `*` instead of its last segment, unless that is empty. */
function withWildcard(path: string): string {
  const begin = path.slice(0, path.lastIndexOf("/") + 1);
  return begin === path ? path : `${begin}*`;
}

/** Decodes the last segment of a request's path. Throws a 400 when that can't be done. */
export function lastSegment(request: Request): string {
  const path = withoutLastSlash(new URL(request.url).pathname);
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));
  } catch {
    throw new HttpError(
      400,
      "invalid_path",
      "The path is not percent-encoded correctly",
    );
  }
}
