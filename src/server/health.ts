/**
 * `/health` says that the process serves, `/ready` that it can answer a
 * caller: the provider and the store are asked.
 *
 * @module
 */
import { json } from "./http.ts";
import type { Log } from "./log.ts";
import type { Handler } from "./router.ts";

/** What is looked at. */
export interface HealthParts {
  /** Parley's own, from `deno.json`. */
  version: string;
  /** Named by `/health`, asked by `/ready`. */
  provider: {
    readonly name: string;
    readonly model: string;
    check(signal: AbortSignal): Promise<void>;
  };
  /** Named by `/health`, asked by `/ready`. */
  store: { readonly name: string; check(): Promise<void> };
  /** Told why a part is not ready, which the sender is not. */
  log: Log;
  /** Milliseconds that only go forward, such as `performance.now`. */
  now: () => number;
}

/** Makes the handler of `GET /health`. */
export function createHealth(parts: HealthParts): Handler {
  const { version, provider, store, now } = parts;
  const startedAt = now();
  return () =>
    json({
      status: "ok",
      version,
      provider: provider.name,
      model: provider.model,
      store: store.name,
      uptime_s: Math.round((now() - startedAt) / 1000),
    });
}

/** How long a part may take to answer. */
const CHECK_TIMEOUT_MS = 3_000;

/** How long an answer of `/ready` stands, so that nobody can wear out the provider with it. */
const READY_FOR_MS = 2_000;

/** Makes the handler of `GET /ready`. */
export function createReady(parts: HealthParts): Handler {
  const { provider, store, log, now } = parts;
  let last: { at: number; failing: Promise<string[]> } | undefined;

  async function findFailing(): Promise<string[]> {
    const failing = Object.entries({ provider, store }).map(
      async ([name, part]) => {
        try {
          const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
          await Promise.race([part.check(signal), untilAborted(signal)]);
          return [];
        } catch (error) {
          log.warn("ready.failed", { part: name, error });
          return [name];
        }
      },
    );
    return (await Promise.all(failing)).flat();
  }

  return async () => {
    if (last === undefined || now() - last.at > READY_FOR_MS) {
      last = { at: now(), failing: findFailing() };
    }
    const failing = await last.failing;
    return failing.length === 0
      ? json({ status: "ready" })
      : json({ status: "not_ready", failing }, { status: 503 });
  };
}

/** Rejects when the time is up, for parts that don't watch it themselves. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
