/**
 * Signals that reach a `fetch` for certain, and the responses of an SDK that
 * can't be given a `fetch` of its own.
 *
 * Deno (2.5 to 2.9.6) forgets the signal of a `fetch` once its `Response` has
 * been collected as garbage, even while the body is still read: aborting then
 * does nothing, and the vendor goes on generating.
 * `tests/providers/garbage_test.ts` holds us to it.
 *
 * @module
 */

/** A signal that is aborted with another one, and when it is disposed of. */
export interface LinkedSignal extends Disposable {
  /** The signal. */
  signal: AbortSignal;
  /** Lets go of the other one; from now on nothing aborts the signal. */
  release(): void;
}

/** Makes a signal that follows `signal`. */
export function linkedSignal(signal: AbortSignal): LinkedSignal {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  let released = false;
  function release() {
    released = true;
    signal.removeEventListener("abort", onAbort);
  }
  return {
    signal: controller.signal,
    release,
    [Symbol.dispose]() {
      if (!released) controller.abort();
      release();
    },
  };
}

/** Keeps a response from being collected before its request's signal is. */
export function holdResponse(response: Response, signal: AbortSignal): void {
  // The listener's only work is to refer to the response.
  signal.addEventListener("abort", () => void response);
}

/** What is done with a response before the SDK sees it. */
export type ResponseHook = (
  response: Response,
  signal: AbortSignal | null | undefined,
) => Response;

/**
 * Has all later responses from addresses that begin with `prefix` go through a
 * hook. For an SDK that calls the global `fetch` and can't be given another.
 */
export function hookResponses(prefix: string, hook: ResponseHook): void {
  if (hooks.size === 0) {
    const original = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const response = await original(input, init);
      const address = String(input);
      for (const [prefix, hook] of hooks) {
        if (address.startsWith(prefix)) return hook(response, init?.signal);
      }
      return response;
    };
  }
  hooks.set(prefix, hook);
}

const hooks = new Map<string, ResponseHook>();
