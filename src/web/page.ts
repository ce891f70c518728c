/**
 * Pages: files served as they are, but for the header, under a policy that
 * lets them load nothing from anywhere else.
 *
 * @module
 */
import type { Handler } from "../server/router.ts";
import type { Header } from "./header.ts";

/** What may be served, by the end of its name. */
const TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
} as const;

/** Stands in a page where its header begins. */
const PLACE = "<!-- brand and pages -->";

/** What sets a page apart from the others. */
export interface PageOptions {
  /** Further sources by directive, e.g. `{"connect-src": "wss://example.com"}`. */
  allow?: Record<string, string>;
  /** Written where the file says `<!-- brand and pages -->`. */
  header?: Header;
  /** HTTP status. Default: 200. */
  status?: number;
}

/**
 * Makes a handler that serves one file.
 *
 * @param file where it lies; its name ends in one of the known types
 */
export function createPage(file: URL, options: PageOptions = {}): Handler {
  const ending = file.pathname.split(".").at(-1) as keyof typeof TYPES;
  const headers = {
    "content-type": TYPES[ending],
    "content-security-policy": toPolicy(options.allow),
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  const { header, status = 200 } = options;
  if (header === undefined) {
    return async () =>
      new Response(await Deno.readFile(file), { status, headers });
  }
  return async (request) => {
    const html = await Deno.readTextFile(file);
    const begun = html.replace(PLACE, () => header(request));
    return new Response(begun, { status, headers });
  };
}

function toPolicy(allow: Record<string, string> = {}): string {
  const policy: Record<string, string> = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  };
  for (const [directive, sources] of Object.entries(allow)) {
    const known = policy[directive];
    policy[directive] = known ? `${known} ${sources}` : sources;
  }
  return Object.entries(policy).map((pair) => pair.join(" ")).join("; ");
}
