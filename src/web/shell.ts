/**
 * What all pages share: the document around them with its header, and the
 * policy that lets them load nothing from anywhere else. What a page shows is
 * drawn by its own script, `/web/<room>/page.js`.
 *
 * @module
 */
import type { Handler } from "../server/router.ts";

/** A page to link to. */
export interface Place {
  /** Its path; those below it belong to it. */
  href: string;
  /** What the link says. */
  name: string;
}

/** What sets a page apart from the others. */
export interface PageOptions {
  /** What the browser's tab says, before the name of Parley. */
  title: string;
  /** The folder with the page's `page.js` and `page.css`. Without one, the page has no script. */
  room?: string;
  /** What is there without a script, as HTML. Default: nothing. */
  content?: string;
  /** What the script reads as JSON from the body's `data-page`. */
  data?: unknown;
  /** The end of the page's header, as HTML. */
  facts?: string;
  /** Where else its scripts may come from. */
  scripts?: readonly string[];
  /** What else its scripts may ask. */
  hosts?: readonly string[];
  /** HTTP status. Default: 200. */
  status?: number;
}

/** Makes the handler of a page. */
export type Shell = (options: PageOptions) => Handler;

/**
 * Makes the shell of all pages.
 *
 * @param places all pages that are switched on, in their order
 */
export function createShell(places: readonly Place[]): Shell {
  return (options) => {
    const { status = 200 } = options;
    const headers = {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": toPolicy(options),
      "cache-control": "no-cache",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "permissions-policy": "microphone=(self), camera=(), geolocation=()",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    };
    return (request) => {
      const { pathname } = new URL(request.url);
      const links = places.map((place) => toLink(place, pathname)).join("\n");
      return new Response(toDocument(options, links), { status, headers });
    };
  };
}

function toPolicy({ scripts = [], hosts = [] }: PageOptions): string {
  return [
    "default-src 'none'",
    ["script-src 'self'", ...scripts].join(" "),
    "style-src 'self'",
    "img-src 'self' data:",
    ["connect-src 'self'", ...hosts].join(" "),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function toLink({ href, name }: Place, pathname: string): string {
  const isBelow = pathname.startsWith(`${href}/`);
  const current = pathname === href ? "page" : isBelow ? "true" : undefined;
  const mark = current ? ` aria-current="${current}"` : "";
  return `<a href="${href}"${mark}>${name}</a>`;
}

/** Parley's sign, which has to be seen on light and on dark. */
const ICON = "data:image/svg+xml," + encodeURIComponent(
  "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'>" +
    "<path d='M11 3a8 8 0 0 0 0 16z' fill='#7d8c86'/>" +
    "<path d='M13 5a8 8 0 0 1 0 16z' fill='#1f9470'/></svg>",
);

function toDocument(options: PageOptions, links: string): string {
  const { title, room = "", content = "", data = {}, facts = "" } = options;
  const own = room &&
    `<link rel="stylesheet" href="/web/${room}/page.css">
<script type="module" src="/web/${room}/page.js"></script>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>${title} · Parley</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="/web/page.css">
<link rel="stylesheet" href="/web/conversation.css">
${own}
</head>
<body class="${room}" data-page="${escape(JSON.stringify(data))}">
<header class="bar">
<a class="brand" href="/">
<img src="${ICON}" alt="" width="24" height="24">
Parley
</a>
<nav aria-label="Pages">${links}</nav>
<div class="facts">${facts}</div>
</header>
<main>${content}</main>
<noscript>This page needs JavaScript.</noscript>
</body>
</html>
`;
}

/** Makes a text that HTML takes for nothing else. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}
