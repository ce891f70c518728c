/**
 * Which pages may request a session key, by the origin that their browser sends,
 * and which conversations a page may continue: those for which it has a token,
 * an HMAC of the conversation's id. Nothing is stored here, so tokens stay valid
 * after a restart and on every instance.
 *
 * @module
 */
import { nodeCrypto } from "../../server/builtin.ts";
import { isLocal } from "../../server/guard.ts";
import { HttpError, isSameOrigin } from "../../server/http.ts";
import type { Sender } from "../../server/router.ts";
import type { AuthorizeOptions } from "./authorize.ts";

/**
 * Returns the CORS headers for a request's origin. The origin is compared with
 * the owner's settings, never with the `Host` header: a foreign page's domain can
 * be pointed to this server (DNS rebinding), and then both are the same.
 *
 * @throws {HttpError} 403 when the origin is not allowed
 */
export function allowOrigin(
  request: Request,
  sender: Sender,
  { allowedOrigins = [], publicUrl }: AuthorizeOptions,
): Record<string, string> {
  const origin = request.headers.get("origin");
  // Browsers send an origin with every POST. A client that sends none is not a
  // page, and could claim any: the limits and the owner's handler check it.
  if (origin === null) return {};
  const isAny = allowedOrigins.includes("*");
  const isOwn = publicUrl !== undefined && new URL(publicUrl).origin === origin;
  const isAllowed = isAny || isOwn || allowedOrigins.includes(origin) ||
    // `Host` can be trusted here: it is a loopback name, which DNS can't point to
    // another machine.
    (isLocal(request, sender) && isSameOrigin(origin, request));
  if (!isAllowed) {
    const message = `Origin ${origin} may not ask for a session key: add it ` +
      "to ALLOWED_ORIGINS if it should, or set PUBLIC_URL if this server's " +
      "own pages are opened there. A page that is opened from a file has the " +
      "origin null: serve it over http";
    throw new HttpError(403, "origin_not_allowed", message);
  }
  return {
    "access-control-allow-origin": isAny ? "*" : origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type, authorization",
    "access-control-expose-headers": "retry-after",
    "access-control-max-age": "86400",
    "vary": "origin",
  };
}

/** Returns a token for each secret. A page is given the first, and may continue with any. */
export function toResumeTokens(
  conversationId: string,
  user: string | undefined,
  secrets: readonly string[],
): string[] {
  const { createHmac } = nodeCrypto();
  const text = JSON.stringify([conversationId, user ?? null]);
  return secrets.filter((secret) => secret !== "").map((secret) => {
    // A derived key, so that a token can't be used for anything else.
    const key = createHmac("sha256", secret)
      .update("parley: resume a conversation").digest();
    return createHmac("sha256", key).update(text).digest("base64url");
  });
}
