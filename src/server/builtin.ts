/**
 * Loads Node's modules when they are first needed: importing one takes as long
 * as the rest of the start. Also hashes texts and compares secrets.
 *
 * @module
 */

/** The modules that are used. */
export interface Builtins {
  /** Follows asynchronous calls. */
  "node:async_hooks": typeof import("node:async_hooks");
  /** For hashes. */
  "node:crypto": typeof import("node:crypto");
  /** Checks whether a file exists: with Deno a missing one costs an exception. */
  "node:fs": typeof import("node:fs");
  /** For IP addresses. */
  "node:net": typeof import("node:net");
  /** For delays that a signal aborts. */
  "node:timers/promises": typeof import("node:timers/promises");
}

const loaded: Partial<Builtins> = {};

/** Loads one of Node's modules. */
export function builtin<Id extends keyof Builtins>(id: Id): Builtins[Id] {
  // Deno 2.5 has this function, but doesn't declare it.
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(id: Id): Builtins[Id] };
  };
  return loaded[id] ??= process.getBuiltinModule(id);
}

/** Loads `node:crypto`. Unlike Web Crypto, it computes hashes synchronously. */
export const nodeCrypto = (): Builtins["node:crypto"] => builtin("node:crypto");

/** Returns the SHA-256 hash of a text. */
export function hash(
  text: string,
  digest: "hex" | "base64url" = "hex",
  encoding: "utf8" | "utf16le" = "utf8",
): string {
  return nodeCrypto().createHash("sha256").update(text, encoding)
    .digest(digest);
}

/** Compares texts in a time that depends only on the length of the given one, and reveals nothing about the right one. */
export function timingSafeEquals(given: string, right: string): boolean {
  // Node's `timingSafeEqual` takes only bytes of equal length.
  let difference = given.length ^ right.length;
  for (let at = 0; at < given.length; at++) {
    difference |= given.charCodeAt(at) ^ right.charCodeAt(at);
  }
  return difference === 0;
}
