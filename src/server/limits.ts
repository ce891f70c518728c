/**
 * How often an address may send a request or guess a token in a minute, and how
 * often an event may be logged.
 *
 * @module
 */
import { toNetwork } from "./address.ts";
import { timingSafeEquals } from "./builtin.ts";
import { HttpError } from "./http.ts";
import { type Log, toLog } from "./log.ts";
import type { Sender } from "./router.ts";

/** The most keys that are counted. When there are more, all counts are reset. */
const MAX_KEYS = 10_000;

const MINUTE_MS = 60_000;

/**
 * Creates a rate limit for each key, or one for everything. It counts at most
 * 10,000 keys.
 *
 * @param now the time in milliseconds since 1970
 * @returns a function that adds 1, or `times`, to the count of a key; with 0 it
 * only checks it. It returns `undefined` if the limit allows that, else the
 * number of seconds until it does
 */
export function createRateLimit(
  { perMinute, now }: { perMinute: number; now: () => number },
): (key?: string, times?: number) => number | undefined {
  /** The counts of the current minute, which begins at the same time for all keys. */
  const counts = new Map<string, number>();
  let beganAt = -Infinity;

  return function take(key = "", times = 1) {
    const at = now();
    // A new minute also begins when the clock was set back.
    if (at >= beganAt + MINUTE_MS || at < beganAt) {
      beganAt = at;
      counts.clear();
    }
    const count = counts.get(key) ?? 0;
    if (count >= perMinute) {
      return Math.ceil((beganAt + MINUTE_MS - at) / 1000);
    }
    if (times === 0) return undefined;
    // A sender with so many addresses evades a limit by address anyway.
    if (count === 0 && counts.size >= MAX_KEYS) counts.clear();
    counts.set(key, count + times);
    return undefined;
  };
}

/** Creates a 429 that says when to try again. */
export function tooManyRequests(what: string, seconds: number): HttpError {
  const message = `${what}; ask again in ${seconds} s`;
  const headers = { "retry-after": String(seconds) };
  return new HttpError(429, "rate_limited", message, headers);
}

/** Creates a log that writes only the first lines of each event in a minute, so that strangers can't fill the disk. */
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

/** What is needed to check secrets. */
export interface SecretCheckParts {
  /** Logs the addresses that guess, never what they sent. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * Returns the right secret among those that a sender has sent, if there is one.
 *
 * @throws {HttpError} 429 when the sender has guessed too often
 */
export type SecretCheck = (
  given: readonly string[],
  right: readonly string[],
  sender: Sender,
) => string | undefined;

const GUESSES_PER_MINUTE = 30;

/**
 * Creates the check for one kind of secret. Once an address has sent too many
 * wrong ones, all its requests are refused, unless it sent a right one before:
 * the clients of one proxy or voice platform share an address with strangers.
 */
export function createSecretCheck(parts: SecretCheckParts): SecretCheck {
  const { now } = parts;
  const log = createBoundedLog(parts.log, now);
  const guesses = createRateLimit({ perMinute: GUESSES_PER_MINUTE, now });
  const known = new Set<string>();

  return function checkSecret(given, right, { address }) {
    if (given.length === 0) return undefined;
    // All are compared, so that the time taken doesn't reveal which one matched.
    const [found] = right.filter((secret) =>
      given.some((text) => timingSafeEquals(text, secret))
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
