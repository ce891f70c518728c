/**
 * Method and path to handler, and the last catch: whatever goes wrong behind
 * it, a sender gets JSON that tells nothing internal.
 *
 * @module
 */
import { HttpError, json } from "./http.ts";
import type { Log } from "./log.ts";

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

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
  /** Told what the last catch keeps from the sender. */
  log: Log;
  /** Whether the server is shutting down, when nothing new is begun. */
  isDraining: () => boolean;
}

/** Makes the one handler that `Deno.serve` gets. */
export function createApp(parts: AppParts): Handler {
  const routes: Record<string, Partial<Record<string, Handler>>> = {
    "/": { GET: parts.home },
    "/agent": { POST: parts.webhook },
    "/api/agent": { POST: parts.webhook },
    "/authorize": { POST: parts.authorize, OPTIONS: parts.authorize },
    "/api/authorize": { POST: parts.authorize, OPTIONS: parts.authorize },
    "/health": { GET: parts.health },
    "/ready": { GET: parts.ready },
  };

  return async function handle(request) {
    try {
      return await find(request)(request);
    } catch (error) {
      if (error instanceof HttpError) return error.toResponse();
      parts.log.error("request.failed", { error });
      return new HttpError(500, "internal", "Something went wrong here")
        .toResponse();
    }
  };

  function find(request: Request): Handler {
    if (parts.isDraining()) {
      throw new HttpError(503, "shutting_down", "This server is shutting down");
    }
    const { pathname } = new URL(request.url);
    const path = pathname.replace(/(?<=.)\/$/, "");
    const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (methods === undefined) {
      throw new HttpError(404, "not_found", "There is nothing at this path");
    }
    const method = request.method === "HEAD" ? "GET" : request.method;
    const handler = Object.hasOwn(methods, method)
      ? methods[method]
      : undefined;
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

/** The answer at `/` while there is no page. */
export function createHome(version: string): Handler {
  return () => json({ name: "parley", version, webhook: "/agent" });
}
