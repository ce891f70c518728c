/**
 * Makes a provider ready when the server starts, so that no caller waits for it.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import {
  type PromptBeginning,
  type Provider,
  ProviderError,
} from "./provider.ts";

/** How long a model may take to load; large ones come from slow disks. */
const PREPARE_TIMEOUT_MS = 10 * 60_000;

/** How soon a provider that can't be reached yet is made ready again. */
const PREPARE_AGAIN_MS = 5_000;

/**
 * Makes a provider ready in the background, with word in the log of how it
 * goes: at once, or as soon as it can be reached. A caller who comes before
 * waits for the rest of it.
 */
export async function prepare(
  provider: Provider,
  beginning: PromptBeginning,
  log: Log,
  againMs: number = PREPARE_AGAIN_MS,
): Promise<void> {
  if (provider.prepare === undefined) return;
  const { name } = provider;
  log.info("provider.preparing", { provider: name });
  for (let tries = 1;; tries++) {
    const startedAt = Date.now();
    try {
      const signal = AbortSignal.timeout(PREPARE_TIMEOUT_MS);
      await provider.prepare(signal, beginning);
      const { model } = provider;
      const tookMs = Date.now() - startedAt;
      return log.info("provider.ready", { provider: name, model, tookMs });
    } catch (error) {
      if (tries === 1) {
        log.error("provider.not_ready", { provider: name, error });
      }
      if (!(error instanceof ProviderError && error.retryable)) return;
      await new Promise((resolve) =>
        // A process that has nothing else to do needn't wait for it.
        Deno.unrefTimer(setTimeout(resolve, againMs))
      );
    }
  }
}
