/**
 * Which pages may ask for a session key, by the origin that their browser names.
 *
 * An origin is compared with what the owner set, never with the `Host` header:
 * a page of anybody's can have its name point here (DNS rebinding), and then
 * both say the same.
 *
 * @module
 */
import { isLocal } from "../../server/guard.ts";
import { HttpError, isSameOrigin } from "../../server/http.ts";
import type { Sender } from "../../server/router.ts";

/** What says who may ask. */
export interface OriginParts {
  /** Origins besides our own that may ask; `*` for any. Absent: none. */
  allowedOrigins?: readonly string[];
  /** The address at which others reach our own pages. Absent: only this machine does. */
  publicUrl?: string | undefined;
}

/**
 * The CORS headers for a request's origin.
 *
 * Browsers send an origin with every POST. What sends none is no page, and
 * could claim any origin it liked: it is let through, to the limits and to the
 * owner's handler.
 *
 * @throws {HttpError} 403 when the origin may not ask
 */
export function allowOrigin(
  request: Request,
  sender: Sender | undefined,
  { allowedOrigins = [], publicUrl }: OriginParts,
): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null) {
    const isPage = request.headers.get("sec-fetch-site") === "cross-site";
    if (isPage) throw forbidden("null");
    return {};
  }
  const isAny = allowedOrigins.includes("*");
  const isOwn = publicUrl !== undefined && new URL(publicUrl).origin === origin;
  // `Host` may be looked at here: the names of this machine can't be pointed
  // elsewhere.
  const isOnThisMachine = () =>
    isLocal(request, sender) && isSameOrigin(origin, request);
  const isAllowed = isAny || isOwn || allowedOrigins.includes(origin) ||
    isOnThisMachine();
  if (!isAllowed) throw forbidden(origin);
  return {
    "access-control-allow-origin": isAny ? "*" : origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, authorization",
    "access-control-expose-headers": "retry-after",
    "access-control-max-age": "86400",
    "vary": "origin",
  };
}

function forbidden(origin: string): HttpError {
  const fix = origin === "null"
    ? "a page opened from a file, or in a sandboxed frame, has no origin; serve it over http"
    : "add it to ALLOWED_ORIGINS if it should, or set PUBLIC_URL if this " +
      "server's own pages are opened there";
  return new HttpError(
    403,
    "origin_not_allowed",
    `Origin ${origin} may not ask for a session key: ${fix}`,
  );
}
