/**
 * Method and path to handler, and the last catch: whatever goes wrong behind
 * it, a sender gets JSON that tells nothing internal.
 *
 * @module
 */
import { HttpError, json, shuttingDown } from "./http.ts";
import type { Log } from "./log.ts";

/** Who sent a request: the other end of the connection, which may be a proxy. */
export interface Sender {
  /** An IP address. */
  address: string;
}

/** Answers a request. Without a sender, nothing is known of where it came from. */
export type Handler = (
  request: Request,
  sender?: Sender,
) => Response | Promise<Response>;

/**
 * Handlers by path and method. A `*` at a path's end stands for one segment of
 * any kind; {@linkcode lastSegment} reads it.
 */
export type Routes = Record<string, Partial<Record<string, Handler>>>;

/** What the app is made of. */
export interface AppParts {
  /** `POST /agent`, and `/api/agent`. */
  webhook: Handler;
  /** `POST /authorize` with its preflight, and `/api/authorize`. */
  authorize: Handler;
  /** `GET /health`. */
  health: Handler;
  /** `GET /ready`. */
  ready: Handler;
  /** `GET /`. */
  home: Handler;
  /** Further rooms of the house: pages, and what they ask for. */
  more?: Routes;
  /** Told what the last catch keeps from the sender. */
  log: Log;
  /** Whether the server is shutting down, when nothing new is begun. */
  isDraining: () => boolean;
}

/** Makes the one handler that `Deno.serve` gets. */
export function createApp(parts: AppParts): Handler {
  const routes: Routes = {
    ...parts.more,
    "/": { GET: parts.home },
    "/agent": { POST: parts.webhook },
    "/api/agent": { POST: parts.webhook },
    "/authorize": { POST: parts.authorize, OPTIONS: parts.authorize },
    "/api/authorize": { POST: parts.authorize, OPTIONS: parts.authorize },
    "/health": { GET: parts.health },
    "/ready": { GET: parts.ready },
  };

  return async function handle(request, sender) {
    try {
      return await find(request)(request, sender);
    } catch (error) {
      if (error instanceof HttpError) return error.toResponse();
      parts.log.error("request.failed", { error });
      return new HttpError(500, "internal", "Something went wrong here")
        .toResponse();
    }
  };

  function find(request: Request): Handler {
    if (parts.isDraining()) throw shuttingDown();
    // Deno puts the Host header into the address as it came.
    if (!URL.canParse(request.url)) {
      throw new HttpError(400, "invalid_host", "The Host header is no host");
    }
    const { pathname } = new URL(request.url);
    if (pathname.length > MAX_PATH) {
      throw new HttpError(
        414,
        "path_too_long",
        `The path is longer than ${MAX_PATH} characters`,
      );
    }
    const path = withoutLastSlash(pathname);
    const methods = own(routes, path) ?? own(routes, withAnyEnd(path));
    if (methods === undefined) throw notFound();
    const method = request.method === "HEAD" ? "GET" : request.method;
    const handler = own(methods, method);
    if (handler === undefined) {
      const allow = Object.keys(methods)
        .map((name) => name === "GET" ? "GET, HEAD" : name).join(", ");
      throw new HttpError(
        405,
        "method_not_allowed",
        `This path takes ${allow}`,
        { allow },
      );
    }
    return handler;
  }
}

/** The longest path that is looked at, in characters; it has only ASCII. */
const MAX_PATH = 2048;

// Without expressions: a stranger writes the path, and one that is tried anew
// at each of its characters stops everybody for as long as he likes.

function withoutLastSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The path with `*` for its last segment; as it is, where that is empty. */
function withAnyEnd(path: string): string {
  return path.endsWith("/")
    ? path
    : `${path.slice(0, path.lastIndexOf("/") + 1)}*`;
}

function own<T>(record: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** What is not there, or not for this sender. */
export function notFound(): HttpError {
  return new HttpError(404, "not_found", "There is nothing at this path");
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

/**
 * The answer at `/` where there is no page.
 *
 * @param playground how to get it, where there is one for others
 */
export function createHome(version: string, playground?: string): Handler {
  return () => json({ name: "parley", version, webhook: "/agent", playground });
}
