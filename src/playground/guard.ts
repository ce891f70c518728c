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
  const { hostname } = new URL(request.url);
  if (isForwarded(request.headers)) return false;
  if (isLocalOnly && !isLoopback(sender?.address)) return false;
  if (isLocalOnly && !isLoopbackName(hostname)) return false;
  return isOwnName(hostname) && !isCrossSite(request);
}

/**
 * Proxies and tunnels say whom they speak for; each spells it in its own way.
 * nginx by itself says nothing, but closes each connection, as no browser does.
 * A proxy that does neither can't be told from a caller of this machine.
 */
function isForwarded(headers: Headers): boolean {
  const isClosed = /\bclose\b/i.test(headers.get("connection") ?? "");
  return isClosed && isBrowser(headers) ||
    [...headers.keys()].some((name) => FORWARDING.test(name));
}

function isBrowser(headers: Headers): boolean {
  return headers.has("sec-fetch-mode") ||
    /^Mozilla\//.test(headers.get("user-agent") ?? "");
}

const FORWARDING = new RegExp(
  "^(" + [
    "(x-)?(original-)?forwarded(-.*)?",
    "via",
    "cdn-loop",
    "x-(real|client|remote|cluster-client|original|originating)-(ip|host)",
    "(true|fastly|fly)-client-ip",
    "(cf|ngrok|tailscale|x-envoy|x-amzn|x-amz-cf|x-azure|x-arr)-.*",
    "x-cloud-trace-context",
  ].join("|") + ")$",
);

function isLoopback(address: string | undefined): boolean {
  return address !== undefined &&
    /^(127\.|::1$|::ffff:127\.)/i.test(address);
}

/** Whether a host's name leads to the machine that it is used on. */
function isLoopbackName(hostname: string): boolean {
  return /^(127\.[\d.]+|0\.0\.0\.0|\[::1?\]|[^.:[]+|.+\.localhost)$/.test(
    hostname,
  );
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
