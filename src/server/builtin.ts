/**
 * Node's modules, each loaded when it is first needed: to import one would take
 * as long as all the rest of a start.
 *
 * @module
 */
import type * as NodeAsyncHooks from "node:async_hooks";
import type NodeCrypto from "node:crypto";
import type NodeFs from "node:fs";
import type NodeNet from "node:net";
import type * as NodeTimers from "node:timers/promises";

/** The modules that something here needs. */
export interface Builtins {
  /** For what belongs to whoever runs. */
  "node:async_hooks": typeof NodeAsyncHooks;
  /** For hashes. */
  "node:crypto": typeof NodeCrypto;
  /** For a look whether a file is there, which with Deno's own costs an exception where it isn't. */
  "node:fs": typeof NodeFs;
  /** For addresses. */
  "node:net": typeof NodeNet;
  /** For waits that a signal ends. */
  "node:timers/promises": typeof NodeTimers;
}

const loaded: Partial<Builtins> = {};

/** Loads one of Node's modules. */
export function builtin<Id extends keyof Builtins>(
  id: Id,
): NonNullable<Partial<Builtins>[Id]> {
  return loaded[id] ??= load(id);
}

function load<Id extends keyof Builtins>(id: Id): Builtins[Id] {
  // Deno has it, and 2.5 doesn't declare it.
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(id: Id): Builtins[Id] };
  };
  return process.getBuiltinModule(id);
}

/** `node:crypto`: unlike the web's, its hashes are there at once. */
export function nodeCrypto(): typeof NodeCrypto {
  return builtin("node:crypto");
}
