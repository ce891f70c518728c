/**
 * Conversations are deleted a set time after their last word.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { SessionStore } from "./store.ts";

/** What is swept, and when. */
export interface RetentionOptions {
  /** Where the conversations are. */
  store: SessionStore;
  /** How long one is kept after its last word, in days. 0: for good. */
  days: number;
  /** Told how many were deleted. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

const DAY_MS = 24 * 60 * 60_000;
const SWEEP_EVERY_MS = 60 * 60_000;

/**
 * Sweeps now and every hour.
 *
 * @returns ends it; resolves when the sweep under way is done
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { store, days, log, now } = options;
  if (days === 0) return () => Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const deleted = await store.sweep(new Date(now() - days * DAY_MS));
      if (deleted > 0) log.info("sessions.swept", { deleted, olderThan: days });
    } catch (error) {
      // The next sweep finds what this one left.
      log.warn("sessions.not_swept", { error });
    }
  }

  let last = sweep();
  const timer = setInterval(() => last = last.then(sweep), SWEEP_EVERY_MS);
  return () => {
    clearInterval(timer);
    return last;
  };
}
