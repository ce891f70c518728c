/**
 * How often something may be done in a minute, for each sender or in all.
 *
 * @module
 */

/** What a limit is made of. */
export interface RateLimitOptions {
  /** How often in a minute, which begins with the first time in it. */
  perMinute: number;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * Counts one time more.
 *
 * @param key whose time it is. Default: one count for all
 * @param times how many times it is; 0 only asks. Default: 1
 * @returns `undefined` where it may be done, else in how many seconds it may
 */
export type RateLimit = (key?: string, times?: number) => number | undefined;

/** How many keys are remembered. Past that, all begin anew. */
const MAX_KEYS = 10_000;

const MINUTE_MS = 60_000;

/** Makes a limit, which remembers 10,000 keys at most. */
export function createRateLimit(
  { perMinute, now }: RateLimitOptions,
): RateLimit {
  /** In this minute, which is the same for all keys. */
  const counts = new Map<string, number>();
  let beganAt = -Infinity;

  return function take(key = "", times = 1) {
    const at = now();
    // A clock that was set back begins a new minute, too.
    if (at >= beganAt + MINUTE_MS || at < beganAt) {
      beganAt = at;
      counts.clear();
    }
    const count = counts.get(key) ?? 0;
    if (count >= perMinute) {
      return Math.ceil((beganAt + MINUTE_MS - at) / 1000);
    }
    if (times === 0) return undefined;
    // Whoever has so many addresses meets the limit of all.
    if (count === 0 && counts.size >= MAX_KEYS) counts.clear();
    counts.set(key, count + times);
    return undefined;
  };
}
