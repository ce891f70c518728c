/**
 * Who may use the pages that spend the owner's model or balance: the
 * playground, which signs whatever it is sent, and the voice page. While no
 * secret is set, a loopback connection that names a loopback host and bears no
 * forwarding header may enter. Anybody else, and everybody once a secret is
 * set, needs the token of the address that is printed at the start, which a
 * cookie then keeps.
 *
 * @module
 */
import { setCookie } from "@std/http/cookie";
import { nodeCrypto } from "./builtin.ts";
import { HttpError, isSameOrigin } from "./http.ts";
import type { SecretCheck } from "./limits.ts";
import type { Handler, Sender } from "./router.ts";

/** Stands before the pages. */
export interface Guard {
  /**
   * Guards a page, and takes the token out of its address.
   *
   * @param otherwise answers a program that shows no token. Default: a refusal
   */
  page(handler: Handler, otherwise?: Handler): Handler;
  /** Guards what a page asks for. */
  part(handler: Handler): Handler;
}

const COOKIE = "parley";

/**
 * Makes the one guard of all pages.
 *
 * @param hasSecret whether the owner set a webhook secret
 * @param locked answers a browser that may not enter, with a page that says how to
 * @param checkSecret slows down who guesses the token
 */
export function createGuard(
  { token, hasSecret, locked, checkSecret }: {
    token: string;
    hasSecret: boolean;
    locked: Handler;
    checkSecret: SecretCheck;
  },
): Guard {
  // Not the token itself: a browser sends a cookie to every port of its host.
  const toPass = () =>
    nodeCrypto().createHash("sha256").update(`cookie ${token}`).digest("hex");

  function mayEnter(request: Request, sender: Sender): boolean {
    if (!hasSecret && isLocal(request, sender)) return true;
    return checkSecret(cookiesOf(COOKIE, request), [toPass()], sender) !==
      undefined;
  }

  function page(handler: Handler, otherwise: Handler = refuse): Handler {
    return (request, sender) => {
      const given = new URL(request.url).searchParams.get("token");
      if (
        given !== null && checkSecret([given], [token], sender) !== undefined
      ) {
        return withoutToken(request, toPass());
      }
      if (mayEnter(request, sender)) {
        return given === null
          ? handler(request, sender)
          : withoutToken(request);
      }
      const isBrowser = request.headers.get("accept")?.includes("text/html");
      if (isBrowser) return locked(request, sender);
      return given === null ? otherwise(request, sender) : refuse();
    };
  }

  function part(handler: Handler): Handler {
    return (request, sender) => {
      if (!mayEnter(request, sender)) refuse();
      const isRead = ["GET", "HEAD"].includes(request.method);
      if (isRead || !isCrossSite(request)) return handler(request, sender);
      const message = "A page of another site can't do this";
      throw new HttpError(403, "cross_site", message);
    };
  }
  return { page, part };
}

function refuse(): never {
  const message = "Open the address that Parley printed when it started: it " +
    "ends in a token, which is a new one at each start";
  throw new HttpError(403, "token_required", message);
}

/** Whether a request comes from this machine, and not through a proxy or a tunnel on it. */
export function isLocal({ headers }: Request, sender: Sender): boolean {
  // Without such a header, the sender's address is the connection's own.
  return ![...headers.keys()].some((name) => FORWARDING.test(name)) &&
    LOOPBACK_ADDRESS.test(sender.address) &&
    // The header itself: Deno makes up an address where it is missing.
    LOOPBACK_HOST.test(headers.get("host") ?? "");
}

const LOOPBACK_ADDRESS = /^(127\.|::1$)/;
/** No other name: whoever owns one can point it here (DNS rebinding). */
const LOOPBACK_HOST =
  /^(localhost|[\w.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const FORWARDING = /^(forwarded|x-forwarded-.*|via)$/;

/**
 * Sends a browser to the address without the token, which neither its history
 * nor a screenshot should hold.
 *
 * @param pass set as a cookie
 */
function withoutToken(request: Request, pass?: string): Response {
  const url = new URL(request.url);
  url.searchParams.delete("token");
  const headers = new Headers({
    // Two slashes would name another host.
    location: url.pathname.replace(/^\/+/, "/") + url.search,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  });
  if (pass !== undefined) {
    const forwarded = request.headers.get("x-forwarded-proto") ?? "";
    setCookie(headers, {
      name: cookieName(COOKIE, request),
      value: pass,
      secure: url.protocol === "https:" || /^https\b/i.test(forwarded),
      httpOnly: true,
      // Not "Strict": that would send the cookie neither after a click on the
      // address in a log on another site's page, nor when that is reloaded.
      sameSite: "Lax",
      path: "/",
    });
  }
  return new Response(null, { status: 303, headers });
}

/**
 * The name of a cookie. Cookies are a host's, whatever the port: two Parleys on
 * one must not share a name.
 *
 * @param prefix tells our own cookies apart
 */
export function cookieName(prefix: string, { url }: Request): string {
  return `${prefix}_${new URL(url).port || "web"}`;
}

/** How many cookies of one name a request may try. */
const MAX_COOKIES = 8;

/**
 * What the cookies of a name hold. Not one alone, for one that was set for
 * another path would hide ours: `getCookies` of `@std/http/cookie` keeps but the
 * last one of a name.
 */
export function cookiesOf(prefix: string, request: Request): string[] {
  const name = `${cookieName(prefix, request)}=`;
  return (request.headers.get("cookie") ?? "").split(/[;,] */)
    .filter((pair) => pair.startsWith(name))
    .slice(0, MAX_COOKIES).map((pair) => pair.slice(name.length));
}

/** Only browsers send these headers. Older ones send the second alone. */
function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  return origin !== null && !isSameOrigin(origin, request);
}
