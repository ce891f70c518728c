/**
 * Logs errors that an owner's code leaves uncaught, as when an `await` was
 * forgotten. Deno would end the process, and every call with it.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "./builtin.ts";
import type { Log } from "./log.ts";

/** The name of the tool or handler that is running. */
let names: AsyncLocalStorage<string> | undefined;

/**
 * Runs an owner's code under the name of its tool or handler, which is logged with
 * a rejected promise. Deno 2.5 loses it; an error thrown in a timer has none.
 */
export function runNamed<T>(name: string, run: () => T): T {
  names ??= new (builtin("node:async_hooks").AsyncLocalStorage<string>)();
  return names.run(name, run);
}

/** From now on, uncaught errors are logged and don't end the process. */
export function catchUnhandled(log: Log): void {
  function report(event: Event, error: unknown): void {
    event.preventDefault();
    log.error("code.unhandled_error", {
      name: names?.getStore(),
      place: findPlace(error),
      error: error instanceof Error ? error : String(error),
      fix: "the failed promise was not awaited: look for a missing await",
    });
  }
  addEventListener("error", (event) => report(event, event.error));
  addEventListener("unhandledrejection", (event) => {
    report(event, event.reason);
  });
}

/** The folder of the program, as a stack trace spells it. */
const ROOT = new URL("../../", import.meta.url).href;

/** Returns the first place in this program that a stack trace names, as `src/x.ts:1:2`. */
function findPlace(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack ?? "" : "";
  const start = stack.indexOf(ROOT);
  if (start < 0) return undefined;
  return stack.slice(start + ROOT.length, start + 1000).split(/[)\s]/, 1)[0];
}
