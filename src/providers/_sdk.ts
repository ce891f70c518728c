/**
 * The cheapest way to use a vendor's SDK: it puts a question on its vendor's
 * wire, and the answer is read by us alone. An SDK's own reader costs several
 * promises a word, and goes on downloading when the caller has left.
 *
 * @module
 */
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "../server/builtin.ts";
import { request, type Server } from "./_server.ts";

/** A `fetch` as an SDK calls it. */
export type Fetch = typeof globalThis.fetch;

/**
 * Makes what loads a module when it is first needed. Kept, since an `import()`
 * of what is loaded already still costs 15,000 instructions.
 */
export function lazily<Module>(
  load: () => Promise<Module>,
): () => Promise<Module> {
  let loaded: Promise<Module> | undefined;
  return () => loaded ??= load();
}

/** Makes a `fetch` for an SDK that asks a server until the signal is aborted. */
export function toFetch(server: Server, signal: AbortSignal): Fetch {
  return (url, init) => request(server, url, { ...init, signal });
}

/**
 * Has an SDK ask, and takes the response from under it. The SDK waits for it
 * for ever, which is cheaper than an empty one, and is collected as garbage.
 *
 * @param ask calls the SDK, which is to use this `fetch`
 * @param fetch asks in truth
 */
export function takeResponse(
  ask: (fetch: Fetch) => Promise<unknown>,
  fetch: Fetch,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  ask((url, init) => {
    resolve(fetch(url, init));
    return new Promise(() => {});
  }).catch(reject);
  return promise;
}

/** Absent until an SDK needs it. */
let fetchOfSdk: AsyncLocalStorage<Fetch | undefined> | undefined;

/**
 * Calls an SDK that calls the global `fetch` and takes no other: that one is
 * replaced, once, by one that looks whose call it is.
 */
export function runWithFetch<T>(fetch: Fetch, call: () => T): T {
  return (fetchOfSdk ??= watchFetch()).run(fetch, call);
}

function watchFetch(): AsyncLocalStorage<Fetch | undefined> {
  const { AsyncLocalStorage } = builtin("node:async_hooks");
  const caller = new AsyncLocalStorage<Fetch | undefined>();
  const original = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const ours = caller.getStore();
    return ours === undefined
      ? original(input, init)
      : caller.run(undefined, () => ours(input, init));
  };
  return caller;
}
