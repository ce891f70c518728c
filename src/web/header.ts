/**
 * What every page's header begins with: Parley's name, and links to the pages
 * that there are.
 *
 * @module
 */
/** A page to link to. */
export interface Place {
  /** Its path; those below it belong to it. */
  href: string;
  /** What the link says. */
  name: string;
}

/** Writes the beginning of a page's header, as HTML. */
export type Header = (request: Request) => string;

/**
 * Makes the header of all pages.
 *
 * @param places all pages that are switched on, in their order
 */
export function createHeader(places: readonly Place[]): Header {
  return (request) => {
    const { pathname } = new URL(request.url);
    const links = places.map(({ href, name }) =>
      `<a href="${href}"${toCurrent(href, pathname)}>${name}</a>`
    );
    return `${BRAND}\n<nav aria-label="Pages">${links.join("\n")}</nav>`;
  };
}

function toCurrent(href: string, pathname: string): string {
  if (pathname === href) return ' aria-current="page"';
  return pathname.startsWith(`${href}/`) ? ' aria-current="true"' : "";
}

const BRAND = `<a class="brand" href="/">
  <svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
    <path class="mine" d="M11 3a8 8 0 0 0 0 16z" />
    <path class="yours" d="M13 5a8 8 0 0 1 0 16z" />
  </svg>
  Parley
</a>`;
