/**
 * Node's modules, each loaded when it is first needed: to import one would take
 * as long as all the rest of a start. And comparing what is secret.
 *
 * @module
 */

/** The modules that something here needs. */
export interface Builtins {
  /** For what belongs to whoever runs. */
  "node:async_hooks": typeof import("node:async_hooks");
  /** For hashes. */
  "node:crypto": typeof import("node:crypto");
  /** For a look whether a file is there, which with Deno costs an exception where it is not. */
  "node:fs": typeof import("node:fs");
  /** For addresses. */
  "node:net": typeof import("node:net");
  /** For waits that a signal ends. */
  "node:timers/promises": typeof import("node:timers/promises");
}

const loaded: Partial<Builtins> = {};

/** Loads one of Node's modules. */
export function builtin<Id extends keyof Builtins>(id: Id): Builtins[Id] {
  // Deno has it, and 2.5 doesn't declare it.
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(id: Id): Builtins[Id] };
  };
  return loaded[id] ??= process.getBuiltinModule(id);
}

/** `node:crypto`: unlike the web's, its hashes are there at once. */
export const nodeCrypto = (): Builtins["node:crypto"] => builtin("node:crypto");

/**
 * Compares texts, in a time that depends on how long the given one is, and
 * tells nothing of the right one. `timingSafeEqual` takes bytes of one length.
 */
export function timingSafeEquals(given: string, right: string): boolean {
  let difference = given.length ^ right.length;
  for (let at = 0; at < given.length; at++) {
    difference |= given.charCodeAt(at) ^ right.charCodeAt(at);
  }
  return difference === 0;
}
