/**
 * How often something may be done in a minute, for each sender or in all.
 *
 * @module
 */

/** What a limit is made of. */
export interface RateLimitOptions {
  /** How often in a minute, which begins with the first time. */
  perMinute: number;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * Counts one time more.
 *
 * @param key whose time it is. Default: one count for all
 * @returns `undefined` where it may be done, else in how many seconds it may
 */
export type RateLimit = (key?: string) => number | undefined;

/** How many keys are remembered. Past that, the oldest is forgotten. */
const MAX_KEYS = 10_000;

const MINUTE_MS = 60_000;

/** Makes a limit, which remembers 10,000 keys at most. */
export function createRateLimit(
  { perMinute, now }: RateLimitOptions,
): RateLimit {
  /** In the order of their beginnings. */
  const minutes = new Map<string, { beganAt: number; count: number }>();

  return function take(key = "") {
    const at = now();
    // A clock that was set back begins a new minute, too.
    const isOver = ({ beganAt }: { beganAt: number }) =>
      at >= beganAt + MINUTE_MS || at < beganAt;
    for (const [key, minute] of minutes) {
      if (!isOver(minute)) break;
      minutes.delete(key);
    }
    let minute = minutes.get(key);
    if (minute === undefined || isOver(minute)) {
      minute = { beganAt: at, count: 0 };
      minutes.delete(key);
      minutes.set(key, minute);
      const [oldest] = minutes.keys();
      if (minutes.size > MAX_KEYS && oldest !== undefined) {
        minutes.delete(oldest);
      }
    }
    if (minute.count < perMinute) {
      minute.count++;
      return undefined;
    }
    return Math.ceil((minute.beganAt + MINUTE_MS - at) / 1000);
  };
}
