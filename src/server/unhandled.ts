/**
 * What an owner's code lets fall: a promise that fails with nobody waiting for
 * it, as when an `await` was forgotten, or an error thrown in a timer. Deno
 * would end the process, and every call with it. Here it is logged, with where
 * it comes from, and the server goes on.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "./builtin.ts";
import type { Log } from "./log.ts";

/** The name under which the code runs that is running. */
let names: AsyncLocalStorage<string> | undefined;

/**
 * Runs an owner's code under a name, which the log tells should that code let
 * a promise fail unseen. Deno 2.5 loses the name; what is thrown in a timer has
 * none in any version.
 *
 * @param name of the tool or handler
 * @returns what `run` returns
 */
export function runNamed<T>(name: string, run: () => T): T {
  names ??= new (builtin("node:async_hooks").AsyncLocalStorage<string>)();
  return names.run(name, run);
}

/** From now on, what nobody waits for is logged and ends nothing. */
export function catchUnhandled(log: Log): void {
  function report(event: Event, error: unknown): void {
    event.preventDefault();
    log.error("code.unhandled_error", {
      name: names?.getStore(),
      place: findPlace(error),
      error: error instanceof Error ? error : String(error),
      fix: "nobody waited for what failed: look for a missing await",
    });
  }
  addEventListener("error", (event) => report(event, event.error));
  addEventListener("unhandledrejection", (event) => {
    report(event, event.reason);
  });
}

/** The folder of the program, as a stack trace spells it. */
const ROOT = new URL("../../", import.meta.url).href;

/** The first place in our own code that a stack trace names, as `src/x.ts:1:2`. */
function findPlace(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  const start = stack.indexOf(ROOT);
  if (start < 0) return undefined;
  return stack.slice(start + ROOT.length, start + 1000).split(/[)\s]/, 1)[0];
}
