/**
 * What all pages share: the HTML document with its header, and the content
 * security policy that forbids loading anything from other hosts. The script of
 * each page, `/web/<room>/page.js`, draws its content.
 *
 * @module
 */
import type { Handler } from "../server/router.ts";

/** What differs from page to page. */
export interface PageOptions {
  /** The title of the browser's tab, before " · Parley". */
  title: string;
  /** The folder with the page's `page.js` and `page.css`, if it has a script. */
  room?: string;
  /** HTML that the page shows before a script draws. */
  content?: string;
  /** Data for the script, which reads it as JSON from the body's `data-page`. */
  data?: unknown;
  /** HTML at the end of the page's header. */
  facts?: string;
  /** Sources from which it may load scripts, besides this server. */
  scripts?: readonly string[];
  /** Origins and addresses that its scripts may connect to, besides this server. */
  hosts?: readonly string[];
  /** HTTP status. Default: 200. */
  status?: number;
}

/** Creates the handler that serves a page. */
export type Shell = (options: PageOptions) => Handler;

/** Creates the shell of all pages, whose header links to the enabled ones in this order. */
export function createShell(
  pages: readonly { href: string; name: string }[],
): Shell {
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
      const links = pages.map(({ href, name }) => {
        const isCurrent = `${pathname}/`.startsWith(`${href}/`);
        const mark = isCurrent ? ' aria-current="page"' : "";
        return `<a href="${href}"${mark}>${name}</a>`;
      }).join("\n");
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

/** Parley's icon, in colours that are visible on a light and on a dark background. */
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

/** Escapes a text for HTML, as content or as an attribute in double quotes. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;")
    .replaceAll("<", "&lt;");
}
