/**
 * Whom the playground is for. It signs whatever it is sent and so spends the
 * owner's model: never for a stranger who comes through a tunnel, nor for
 * another site in the owner's own browser.
 *
 * @module
 */
import type { Sender } from "../app.ts";
import { isSameOrigin } from "../http.ts";

/**
 * Whether a request may have the playground.
 *
 * @param isLocalOnly whether it is for this machine alone
 */
export function isWelcome(
  request: Request,
  sender: Sender | undefined,
  isLocalOnly: boolean,
): boolean {
  if (isForwarded(request.headers)) return false;
  if (isLocalOnly && !isLoopback(sender?.address)) return false;
  return isOwnName(new URL(request.url).hostname) && !isCrossSite(request);
}

/** Proxies and tunnels say whom they speak for; each spells it in its own way. */
function isForwarded(headers: Headers): boolean {
  return FORWARDING.some((name) => headers.has(name)) ||
    [...headers.keys()].some((name) => /^(x-forwarded-|cf-)/.test(name));
}

const FORWARDING = [
  "forwarded",
  "via",
  "x-real-ip",
  "x-client-ip",
  "x-original-host",
  "true-client-ip",
  "fastly-client-ip",
  "fly-client-ip",
  "ngrok-trace-id",
  "tailscale-user-login",
];

function isLoopback(address: string | undefined): boolean {
  return address !== undefined &&
    /^(127\.|::1$|::ffff:127\.)/i.test(address);
}

/**
 * Whether a host's name is one that no stranger can own. A page of a stranger's
 * name that is made to point here (DNS rebinding) would pass for our own.
 */
function isOwnName(hostname: string): boolean {
  const isAddress = /^[\d.]+$/.test(hostname) || hostname.startsWith("[");
  return isAddress || !hostname.includes(".") ||
    /\.(localhost|local|internal|lan|home\.arpa)$/.test(hostname);
}

/** Only browsers send these headers, and they send at least one with a POST. */
function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  return (site !== null && site !== "same-origin" && site !== "none" &&
    request.method !== "GET") ||
    (origin !== null && !isSameOrigin(origin, request));
}
