/**
 * What the server tells of itself: `/` that it is here, `/health` that it
 * serves, `/ready` that it can answer a caller: the provider and the store are
 * asked.
 *
 * @module
 */
import { json } from "./http.ts";
import type { Log } from "./log.ts";
import type { Handler } from "./router.ts";

/**
 * The answer at `/` where there is no page.
 *
 * @param playground how to get it, where there is one for others
 */
export function createHome(version: string, playground?: string): Handler {
  return () => json({ name: "parley", version, webhook: "/agent", playground });
}

/**
 * Makes the handler of `GET /health`.
 *
 * @param now milliseconds that only go forward, such as `performance.now`
 */
export function createHealth(
  { version, provider, store, now }: {
    version: string;
    provider: { name: string; model: string };
    store: { name: string };
    now: () => number;
  },
): Handler {
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

/** Makes the handler of `GET /ready`. The log is told why a part is not ready, the sender is not. */
export function createReady(
  { provider, store, log, now }: {
    provider: { check(signal: AbortSignal): Promise<void> };
    store: { check(): Promise<void> };
    log: Log;
    now: () => number;
  },
): Handler {
  let askedAt = -Infinity;
  let failing: Promise<string[]>;

  /** The name of a part that doesn't answer. */
  async function ask(name: string, part: typeof provider) {
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
    try {
      const answer = part.check(signal);
      // Not all parts watch the signal.
      const late = new Promise<never>((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      await Promise.race([answer, late]);
      return [];
    } catch (error) {
      log.warn("ready.failed", { part: name, error });
      return [name];
    }
  }

  return async () => {
    if (now() - askedAt > READY_FOR_MS) {
      askedAt = now();
      failing = Promise.all([ask("provider", provider), ask("store", store)])
        .then((names) => names.flat());
    }
    const names = await failing;
    return names.length === 0
      ? json({ status: "ready" })
      : json({ status: "not_ready", failing: names }, { status: 503 });
  };
}
