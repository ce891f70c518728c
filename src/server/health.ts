/**
 * The server's own status: `/health` says that it serves requests, `/ready` that it
 * can answer a caller.
 *
 * @module
 */
import { abortable } from "./deadline.ts";
import { json } from "./http.ts";
import type { Log } from "./log.ts";
import type { Handler } from "./router.ts";

/** Creates the handler of `GET /` for those who don't get the playground; `playground` says how. */
export function createHome(version: string, playground?: string): Handler {
  return () => json({ name: "parley", version, webhook: "/agent", playground });
}

/** Creates the handler of `GET /health`. Its clock is monotonic. */
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

const CHECK_TIMEOUT_MS = 3_000;

/** How long a result of `/ready` is reused, so that many requests don't burden the provider. */
const READY_FOR_MS = 2_000;

/** Creates the handler of `GET /ready`. Why a part is not ready is logged, and not sent. */
export function createReady(
  { provider, store, log, now }: {
    provider: { check(signal: AbortSignal): Promise<void> };
    store: { check(): Promise<void> };
    log: Log;
    now: () => number;
  },
): Handler {
  let checkedAt = -Infinity;
  let failing: Promise<string[]>;

  /** Returns the name of the part if its check fails, else an empty list. */
  async function check(name: string, part: typeof provider) {
    const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS);
    try {
      await abortable(part.check(signal), signal);
      return [];
    } catch (error) {
      log.warn("ready.failed", { part: name, error });
      return [name];
    }
  }

  return async () => {
    if (now() - checkedAt > READY_FOR_MS) {
      checkedAt = now();
      failing = Promise.all([
        check("provider", provider),
        check("store", store),
      ])
        .then((names) => names.flat());
    }
    const names = await failing;
    return names.length === 0
      ? json({ status: "ready" })
      : json({ status: "not_ready", failing: names }, { status: 503 });
  };
}
