/**
 * Access control for the pages that cost the owner money: the playground, which
 * signs whatever it is sent, and the voice page. This machine itself is let in
 * while no webhook secret is set. Anybody else needs the token of the address that
 * is printed at the start. A cookie then stores that access.
 *
 * @module
 */
import { setCookie } from "@std/http/cookie";
import { hash } from "./builtin.ts";
import { HttpError, isSameOrigin } from "./http.ts";
import type { SecretCheck } from "./limits.ts";
import type { Handler, Sender } from "./router.ts";

/** Checks access to the pages. */
export interface Guard {
  /** Protects a page. `otherwise` answers a program that sends no token; default: a 403. */
  page(handler: Handler, otherwise?: Handler): Handler;
  /** Protects a route that a page calls. */
  route(handler: Handler): Handler;
}

/**
 * Creates the guard that all pages share.
 *
 * @param locked answers a browser without access by a page that says how to get it
 */
export function createGuard(
  { token, hasSecret, locked, checkSecret }: {
    token: string;
    hasSecret: boolean;
    locked: Handler;
    checkSecret: SecretCheck;
  },
): Guard {
  // A hash, not the token: a browser sends a cookie to every port of its host.
  const toCookieValue = () => hash(`cookie ${token}`);

  function hasAccess(request: Request, sender: Sender): boolean {
    if (!hasSecret && isLocal(request, sender)) return true;
    const given = readCookies(request);
    return checkSecret(given, [toCookieValue()], sender) !== undefined;
  }

  function page(handler: Handler, otherwise: Handler = refuse): Handler {
    return (request, sender) => {
      const given = new URL(request.url).searchParams.get("token");
      if (
        given !== null && checkSecret([given], [token], sender) !== undefined
      ) {
        return withoutToken(request, toCookieValue());
      }
      if (hasAccess(request, sender)) {
        return given === null
          ? handler(request, sender)
          : withoutToken(request);
      }
      const isBrowser = request.headers.get("accept")?.includes("text/html");
      if (isBrowser) return locked(request, sender);
      return given === null ? otherwise(request, sender) : refuse();
    };
  }

  function route(handler: Handler): Handler {
    return (request, sender) => {
      if (!hasAccess(request, sender)) refuse();
      const isSafe = ["GET", "HEAD"].includes(request.method);
      if (isSafe || !isCrossSite(request)) return handler(request, sender);
      const message = "A page of another site can't do this";
      throw new HttpError(403, "cross_site", message);
    };
  }
  return { page, route };
}

function refuse(): never {
  const message = "Open the address that Parley printed when it started: it " +
    "ends in a token, which changes with each start";
  throw new HttpError(403, "token_required", message);
}

/** Whether a request comes from this machine itself, not through a proxy or a tunnel that runs on it. */
export function isLocal({ headers }: Request, sender: Sender): boolean {
  // Without a forwarding header, the sender's address is the connection's peer.
  return ![...headers.keys()].some((name) => FORWARDING.test(name)) &&
    LOOPBACK_ADDRESS.test(sender.address) &&
    // Not the request's URL: Deno invents a host if the header is missing.
    LOOPBACK_HOST.test(headers.get("host") ?? "");
}

const LOOPBACK_ADDRESS = /^(127\.|::1$)/;
/** No other host name: its owner could make it resolve to this machine (DNS rebinding). */
const LOOPBACK_HOST =
  /^(localhost|[\w.-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const FORWARDING = /^(forwarded|x-forwarded-.*|via)$/;

/** Redirects a browser to the address without the token, which should be neither in its history nor on a screenshot. */
function withoutToken(request: Request, cookie?: string): Response {
  const url = new URL(request.url);
  url.searchParams.delete("token");
  const headers = new Headers({
    // Two slashes at the beginning would name another host.
    location: url.pathname.replace(/^\/+/, "/") + url.search,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  });
  if (cookie !== undefined) {
    const forwarded = request.headers.get("x-forwarded-proto") ?? "";
    setCookie(headers, {
      name: toCookieName(request),
      value: cookie,
      secure: url.protocol === "https:" || /^https\b/i.test(forwarded),
      httpOnly: true,
      // With "Strict", a browser would not send the cookie after a click on the
      // address in a hosted log viewer, nor when that page is reloaded.
      sameSite: "Lax",
      path: "/",
    });
  }
  return new Response(null, { status: 303, headers });
}

/** Returns the cookie's name. It holds the port: all ports of a host share cookies, and two Parleys may run on one host. */
function toCookieName({ url }: Request): string {
  return `parley_${new URL(url).port || "web"}`;
}

/** The most cookies of our name that are checked in a request. */
const MAX_COOKIES = 8;

/**
 * Returns the values of all cookies of our name. A cookie for another path may
 * have it too and would hide ours: `getCookies` of `@std/http/cookie` returns only
 * the last one.
 */
function readCookies(request: Request): string[] {
  const name = `${toCookieName(request)}=`;
  return (request.headers.get("cookie") ?? "").split(/[;,] */)
    .filter((pair) => pair.startsWith(name))
    .slice(0, MAX_COOKIES).map((pair) => pair.slice(name.length));
}

/** Whether a page of another site sent the request. Only browsers send these headers; older ones send only `Origin`. */
function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  return origin !== null && !isSameOrigin(origin, request);
}
