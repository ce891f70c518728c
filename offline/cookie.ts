/**
 * Stand-in for `@std/http/cookie`, used only where JSR is out of reach (see
 * pick.ts). Only `setCookie` is here, and of a cookie only what this project
 * sets; it writes that as the real one does, byte for byte.
 * tests/offline/std_test.ts runs on both.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc6265.html#section-4.1
 *
 * @module
 */

// What each may hold, as the real ones have it: U+0080 slips through in values.
const NAME = /^[!#-'*+\-./0-9A-Z^-z|~]+$/;
const VALUE = /^[!#-+\--:<-[\]-~\x80]*$/;
const PATH = /^[ -:<-~]*$/;

/** A cookie, as a server sets it. */
export interface Cookie {
  /** What the client sends it back as. */
  name: string;
  /** Printable ASCII without blanks, quotes, commas, semicolons and backslashes. */
  value: string;
  /** Whether the client sends it by HTTPS alone. */
  secure?: boolean;
  /** Whether it is kept from the page's scripts. */
  httpOnly?: boolean;
  /** Which requests that begin on other sites bear it. */
  sameSite?: "Strict" | "Lax" | "None";
  /** Below which path it is sent back. */
  path?: string;
}

/**
 * Adds a `Set-Cookie` header, beside those that are there; none for a cookie
 * without a name.
 *
 * @throws {SyntaxError} If the name, the value or the path has a character that
 * it must not have.
 */
export function setCookie(headers: Headers, cookie: Cookie): void {
  const { name, value, secure, httpOnly, sameSite, path = "" } = cookie;
  if (name === "") return;
  expect(NAME, name, "name");
  expect(VALUE, value, "value");
  expect(PATH, path, "path");
  const parts = [`${name}=${value}`];
  if (secure) parts.push("Secure");
  if (httpOnly) parts.push("HttpOnly");
  if (sameSite) parts.push(`SameSite=${sameSite}`);
  if (path) parts.push(`Path=${path}`);
  headers.append("Set-Cookie", parts.join("; "));
}

function expect(pattern: RegExp, text: string, what: string): void {
  if (!pattern.test(text)) {
    throw new SyntaxError(`Cannot set cookie: its ${what} is invalid`);
  }
}
