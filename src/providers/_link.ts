/**
 * Signals that reach a `fetch` for certain.
 *
 * Deno (2.5 to 2.9.6) forgets the signal of a `fetch` once its `Response` has
 * been collected as garbage, even while the body is still read through a pipe:
 * aborting then does nothing, and the vendor goes on generating.
 * `tests/providers/garbage_test.ts` holds us to it.
 *
 * @module
 */

/** A signal that is aborted with another one, and when it is disposed of. */
export interface Link extends Disposable {
  /** The signal. */
  signal: AbortSignal;
}

/** Makes a signal that follows `signal`. */
export function link(signal: AbortSignal): Link {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      signal.removeEventListener("abort", onAbort);
      controller.abort();
    },
  };
}

/**
 * Holds the responses of all later requests to addresses that begin with
 * `prefix`. For an SDK that calls the global `fetch` and can't be given another.
 */
export function holdResponses(prefix: string): void {
  if (held.size === 0) {
    const original = globalThis.fetch;
    globalThis.fetch = async (input, init) => {
      const response = await original(input, init);
      if (isHeld(String(input))) {
        // The listener's only work is to refer to the response.
        init?.signal?.addEventListener("abort", () => void response);
      }
      return response;
    };
  }
  held.add(prefix);
}

const held = new Set<string>();

function isHeld(address: string): boolean {
  return [...held].some((prefix) => address.startsWith(prefix));
}
