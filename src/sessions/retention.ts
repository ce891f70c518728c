/**
 * Conversations are deleted a set time after their last word, as far as the
 * clock can be believed.
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
  /** Milliseconds since any moment; no one sets this clock. */
  uptime: () => number;
}

const DAY_MS = 24 * 60 * 60_000;
const SWEEP_EVERY_MS = 60 * 60_000;

/** How far the time of day may move away from how long the process has run: days are counted, so this is little. */
const MAX_JUMP_MS = 60 * 60_000;

/** How many of all conversations one sweep deletes, so that there is time to notice that a clock was wrong when the process began. */
export const MAX_SHARE = 0.1;

/** The time before which a last word is too old. */
export function toOldest(days: number, now: number): Date {
  return new Date(now - days * DAY_MS);
}

/**
 * Sweeps now and every hour.
 *
 * @returns ends it; resolves when the sweep under way is done
 */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const { store, days, log, now, uptime } = options;
  if (days === 0) return () => Promise.resolve();
  const startedAt = now() - uptime();

  async function sweep(): Promise<void> {
    const jumpMs = now() - uptime() - startedAt;
    if (Math.abs(jumpMs) > MAX_JUMP_MS) {
      const message = "The clock was set: nothing is deleted by age before " +
        "the next start. If it is right now, start Parley again";
      return log.warn("sessions.not_swept", { jumpMs, message });
    }
    try {
      const deleted = await store.sweep(toOldest(days, now()), MAX_SHARE);
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
