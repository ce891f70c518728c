/**
 * Which pages may ask for a session key, by the origin that their browser
 * names, and which conversations a browser may go on with: those that it was
 * given. Each comes with a token, an HMAC of its id, in a cookie that scripts
 * can't read and in the answer, for pages of other origins and for apps, which
 * keep no cookie of ours. Nothing is stored here: tokens are good after a
 * restart and on every instance, as long as the webhook secret is the same.
 *
 * @module
 */
import { setCookie } from "@std/http/cookie";
import { nodeCrypto, timingSafeEquals } from "../../server/builtin.ts";
import { cookieName, cookiesOf, isLocal } from "../../server/guard.ts";
import { HttpError, isSameOrigin } from "../../server/http.ts";
import type { Sender } from "../../server/router.ts";
import type { AuthorizeOptions } from "./authorize.ts";

/**
 * The CORS headers for a request's origin, which is compared with what the
 * owner set, never with the `Host` header: a page of anybody's can have its
 * name point here (DNS rebinding), and then both say the same.
 *
 * Browsers send an origin with every POST. What sends none is no page, and
 * could claim any origin it liked: it is let through, to the limits and to the
 * owner's handler.
 *
 * @throws {HttpError} 403 when the origin may not ask
 */
export function allowOrigin(
  request: Request,
  sender: Sender,
  { allowedOrigins = [], publicUrl }: AuthorizeOptions,
): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null) {
    const isPage = request.headers.get("sec-fetch-site") === "cross-site";
    if (isPage) throw forbidden("null");
    return {};
  }
  const isAny = allowedOrigins.includes("*");
  const isOwn = publicUrl !== undefined && new URL(publicUrl).origin === origin;
  const isAllowed = isAny || isOwn || allowedOrigins.includes(origin) ||
    // `Host` may be looked at here: the names of this machine can't be pointed
    // elsewhere.
    (isLocal(request, sender) && isSameOrigin(origin, request));
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
  const message = `Origin ${origin} may not ask for a session key: ${fix}`;
  return new HttpError(403, "origin_not_allowed", message);
}

/** A conversation, and who was logged in, if the owner's handler said. */
export interface Given {
  conversationId: string;
  user?: string | undefined;
}

/** What the cookie's name begins with. */
const COOKIE = "parley_calls";

/** How many tokens the cookie holds: a browser sends it with every request. */
const MAX_IN_COOKIE = 16;

/**
 * Gives a conversation to whoever sent a request.
 *
 * @returns the token, and headers that set the cookie
 */
export function give(
  given: Given,
  request: Request,
  secrets: readonly string[],
): { token: string; headers: Headers } {
  // All are good, and the first signs.
  const [token] = toTokens(given, secrets);
  if (!token) throw new TypeError("There is no webhook secret");
  const headers = new Headers();
  const tokens = new Set([token, ...tokensIn(request)]);
  setCookie(headers, {
    name: cookieName(COOKIE, request),
    // A dot is no letter of a token, and may stand in a cookie.
    value: [...tokens].slice(0, MAX_IN_COOKIE).join("."),
    // The page's own scheme, which we can't know behind a proxy.
    secure: /^https:/.test(request.headers.get("origin") ?? ""),
    httpOnly: true,
    sameSite: "Strict",
    path: "/",
  });
  return { token, headers };
}

/** Whether a conversation was given to whoever sent a request. */
export function wasGiven(
  given: Given,
  request: Request,
  token: string,
  secrets: readonly string[],
): boolean {
  const shown = [token, ...tokensIn(request)];
  return toTokens(given, secrets)
    .some((right) => shown.some((it) => timingSafeEquals(it, right)));
}

function toTokens(
  { conversationId, user }: Given,
  secrets: readonly string[],
): string[] {
  const { createHmac } = nodeCrypto();
  return secrets.filter((secret) => secret !== "").map((secret) => {
    // A key of its own, so that a token is good for nothing else.
    const key = createHmac("sha256", secret)
      .update("parley: resume a conversation").digest();
    return createHmac("sha256", key)
      .update(JSON.stringify([conversationId, user ?? null])).digest(
        "base64url",
      );
  });
}

function tokensIn(request: Request): string[] {
  return cookiesOf(COOKIE, request).flatMap((value) => value.split("."))
    // What a stranger puts in must not come back as a cookie that can't be set.
    .filter((token) => /^[\w-]{43}$/.test(token));
}
