/**
 * Which conversations a browser may go on with: those that it was given. Each
 * comes with a token, an HMAC of its id, in a cookie that scripts can't read
 * and in the answer, for pages of other origins and for apps, which keep no
 * cookie of ours. Nothing is stored here: tokens are good after a restart and
 * on every instance, as long as the webhook secret is the same.
 *
 * @module
 */
import { setCookie } from "@std/http/cookie";
import { nodeCrypto } from "../../server/builtin.ts";
import { cookieName, cookiesOf } from "../../server/guard.ts";
import { isSame } from "./verify.ts";

/** A conversation, and whose it is. */
export interface Given {
  /** Layercode's id of it. */
  conversationId: string;
  /** Who was logged in, if the owner's handler said. */
  user: string | undefined;
}

/** Gives conversations to browsers, and knows them again. */
export interface Resumption {
  /** Gives one to whoever sent the request: the token, and headers that set the cookie. */
  give(given: Given, request: Request): { token: string; headers: Headers };
  /** Whether it was given to whoever sent the request. */
  wasGiven(given: Given, request: Request, token: string): boolean;
}

/** What the cookie's name begins with. */
const COOKIE = "parley_calls";

/** How many tokens the cookie holds: a browser sends it with every request. */
const MAX_IN_COOKIE = 16;

/**
 * Makes what gives conversations to browsers.
 *
 * @param secrets the webhook secrets. The first signs, all are good
 */
export function createResumption(secrets: readonly string[]): Resumption {
  const signers = secrets.filter((secret) => secret !== "");
  return {
    give(given, request) {
      const [secret] = signers;
      if (!secret) throw new TypeError("There is no webhook secret");
      const token = sign(secret, given);
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
    },
    wasGiven(given, request, token) {
      const shown = [token, ...tokensIn(request)];
      return signers.map((secret) => sign(secret, given))
        .some((right) => shown.some((it) => isSame(it, right)));
    },
  };
}

function sign(secret: string, { conversationId, user }: Given): string {
  const { createHmac } = nodeCrypto();
  // A key of its own, so that a token is good for nothing else.
  const key = createHmac("sha256", secret)
    .update("parley: resume a conversation").digest();
  return createHmac("sha256", key)
    .update(JSON.stringify([conversationId, user ?? null]))
    .digest("base64url");
}

function tokensIn(request: Request): string[] {
  return cookiesOf(COOKIE, request).flatMap((value) => value.split("."))
    // What a stranger puts in must not come back as a cookie that can't be set.
    .filter((token) => /^[\w-]{43}$/.test(token));
}
