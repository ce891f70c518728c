/**
 * How often strangers may do something in a minute: ask, guess a token, or
 * cause a line in the log.
 *
 * @module
 */
import { toNetwork } from "./address.ts";
import { timingSafeEquals } from "./builtin.ts";
import { HttpError } from "./http.ts";
import { type Log, toLog } from "./log.ts";
import type { Sender } from "./router.ts";

/** How many keys are remembered. Past that, all begin anew. */
const MAX_KEYS = 10_000;

const MINUTE_MS = 60_000;

/**
 * Makes a limit for each key, or for all. It remembers 10,000 keys at most.
 *
 * @param now the time in milliseconds since 1970
 * @returns a function that counts one time more, or `times`, of which 0 only
 * asks; it returns `undefined` where it may be done, else in how many seconds
 * it may
 */
export function createRateLimit(
  { perMinute, now }: { perMinute: number; now: () => number },
): (key?: string, times?: number) => number | undefined {
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

/** A refusal that says when to come again, as a rate limit tells it. */
export function tooManyRequests(what: string, seconds: number): HttpError {
  const message = `${what}; ask again in ${seconds} s`;
  const headers = { "retry-after": String(seconds) };
  return new HttpError(429, "rate_limited", message, headers);
}

/**
 * Makes a log that leaves out all but the first lines of each event in a
 * minute: strangers can't fill the disk with it.
 *
 * @param now the time in milliseconds since 1970
 */
export function createBoundedLog(
  log: Log,
  now: () => number,
  perMinute = 10,
): Log {
  const limit = createRateLimit({ perMinute, now });
  return toLog((level, event, fields) => {
    if (limit(event) === undefined) log[level](event, fields);
  });
}

/** What guesses are counted with. */
export interface SecretCheckParts {
  /** Told of addresses that guess, never of what they guessed. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * Judges what a sender shows, one or several of them at once.
 *
 * @param right those that let in
 * @returns the right one among those shown, if there is one
 * @throws {HttpError} 429 where the sender has guessed too often
 */
export type SecretCheck = (
  shown: readonly string[],
  right: readonly string[],
  sender: Sender,
) => string | undefined;

/** How many wrong ones an address may show in a minute. */
const GUESSES_PER_MINUTE = 30;

/**
 * Makes the one judge of all tokens of a kind. Past so many wrong ones, an
 * address is refused whatever it shows, unless it has shown a right one before:
 * callers of one proxy or one voice platform share theirs with strangers.
 */
export function createSecretCheck(parts: SecretCheckParts): SecretCheck {
  const { now } = parts;
  const log = createBoundedLog(parts.log, now);
  const guesses = createRateLimit({ perMinute: GUESSES_PER_MINUTE, now });
  const known = new Set<string>();

  return function judge(shown, right, { address }) {
    if (shown.length === 0) return undefined;
    // No early way out: the time taken must not tell which one it was.
    const [found] = right.filter((one) =>
      shown.some((given) => timingSafeEquals(given, one))
    );
    if (found !== undefined && known.has(address)) return found;
    const seconds = guesses(toNetwork(address), found === undefined ? 1 : 0);
    if (seconds !== undefined) {
      log.warn("token.guessed", { address });
      throw tooManyRequests(
        "Too many wrong tokens came from this address",
        seconds,
      );
    }
    if (found !== undefined) {
      if (known.size >= MAX_KEYS) known.clear();
      known.add(address);
    }
    return found;
  };
}
