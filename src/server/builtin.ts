/**
 * Node's modules, each loaded when it is first needed: to import one would take
 * as long as all the rest of a start.
 *
 * @module
 */
import type NodeCrypto from "node:crypto";
import type NodeProcess from "node:process";

/** Loads one of Node's modules. */
export const builtin: typeof NodeProcess.getBuiltinModule = (id: string) =>
  // Deno has it, and 2.5 doesn't declare it.
  (globalThis as unknown as { process: typeof NodeProcess }).process
    .getBuiltinModule(id);

let crypto: typeof NodeCrypto | undefined;

/** `node:crypto`: unlike the web's, its hashes are there at once. */
export function nodeCrypto(): typeof NodeCrypto {
  return crypto ??= builtin("node:crypto");
}
