/**
 * Addresses as people write them in settings.
 *
 * @module
 */

/**
 * An http(s) address without a slash at its end.
 *
 * @throws {TypeError} when it is none
 */
export function toHttpUrl(value: string): string {
  const url = new URL(value);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError("Not http(s)");
  return url.href.replace(/\/+$/, "");
}

/** The origin of an address as a browser spells it, if it has one. */
export function toOrigin(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { origin, protocol, host } = new URL(value);
  // It would be compared letter by letter and let nobody in.
  if (host.includes("*")) return undefined;
  if (origin !== "null") return origin;
  // Apps and extensions have schemes of their own, of which URL knows no origin.
  return host === "" ? undefined : `${protocol}//${host}`.toLowerCase();
}
