/**
 * Which pages may request a session key, by the origin that their browser sends,
 * and which conversations a browser may continue: those for which it has a
 * token. A token is an HMAC of the conversation's id. It is sent in a cookie that
 * scripts can't read, and in the response, for apps and pages of other origins,
 * which don't keep the cookie. Nothing is stored here: tokens stay valid after a
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
 * Returns the CORS headers for a request's origin. The origin is compared with
 * the owner's settings, never with the `Host` header: a foreign page's domain can
 * be pointed to this server (DNS rebinding), and then both are the same.
 *
 * Browsers send an origin with every POST. A client that sends none is not a
 * page, and could claim any origin: it is allowed here, and subject to the limits
 * and the owner's handler.
 *
 * @throws {HttpError} 403 when the origin is not allowed
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
    // `Host` can be trusted here: it is a loopback name, which DNS can't point to
    // another machine.
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

/** A conversation that a browser may continue, and the user, if the owner's handler named one. */
export interface ResumableConversation {
  conversationId: string;
  user?: string | undefined;
}

/** The beginning of the cookie's name. */
const COOKIE = "parley_calls";

/** The most tokens in the cookie, which a browser sends with every request. */
const MAX_IN_COOKIE = 16;

/**
 * Issues the token by which the sender of a request may continue a conversation.
 *
 * @returns the token, and the headers that set the cookie
 */
export function issueToken(
  conversation: ResumableConversation,
  request: Request,
  secrets: readonly string[],
): { token: string; headers: Headers } {
  // The first secret signs; tokens signed with any of them are valid.
  const [token] = toTokens(conversation, secrets);
  if (!token) throw new TypeError("There is no webhook secret");
  const headers = new Headers();
  const tokens = new Set([token, ...readTokens(request)]);
  setCookie(headers, {
    name: cookieName(COOKIE, request),
    // A dot does not occur in tokens, and is allowed in cookies.
    value: [...tokens].slice(0, MAX_IN_COOKIE).join("."),
    // By the page's scheme: behind a proxy, the request's own says nothing.
    secure: /^https:/.test(request.headers.get("origin") ?? ""),
    httpOnly: true,
    sameSite: "Strict",
    path: "/",
  });
  return { token, headers };
}

/** Whether the sender of a request has a valid token for a conversation. */
export function hasToken(
  conversation: ResumableConversation,
  request: Request,
  token: string,
  secrets: readonly string[],
): boolean {
  const shown = [token, ...readTokens(request)];
  return toTokens(conversation, secrets)
    .some((right) => shown.some((it) => timingSafeEquals(it, right)));
}

function toTokens(
  { conversationId, user }: ResumableConversation,
  secrets: readonly string[],
): string[] {
  const { createHmac } = nodeCrypto();
  return secrets.filter((secret) => secret !== "").map((secret) => {
    // A derived key, so that a token can't be used for anything else.
    const key = createHmac("sha256", secret)
      .update("parley: resume a conversation").digest();
    return createHmac("sha256", key)
      .update(JSON.stringify([conversationId, user ?? null])).digest(
        "base64url",
      );
  });
}

function readTokens(request: Request): string[] {
  return cookiesOf(COOKIE, request).flatMap((value) => value.split("."))
    // Anything else could make an invalid cookie when it is set again.
    .filter((token) => /^[\w-]{43}$/.test(token));
}
