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

/** Creates the function that counts a key. It returns `undefined` if the limit allows that, else the seconds until it does. */
export function createRateLimit(
  { perMinute, now }: { perMinute: number; now: () => number },
): (key?: string) => number | undefined {
  /** The counts of the current minute, which begins at the same time for all keys. */
  const counts = new Map<string, number>();
  let beganAt = -Infinity;

  return function take(key = "") {
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
    // A sender with so many addresses evades a limit by address anyway.
    if (count === 0 && counts.size >= MAX_KEYS) counts.clear();
    counts.set(key, count + 1);
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
 * @throws {HttpError} 429 when there is none and the sender has guessed too often
 */
export type SecretCheck = (
  given: readonly string[],
  right: readonly string[],
  sender: Sender,
) => string | undefined;

const GUESSES_PER_MINUTE = 30;

/**
 * Creates the check for one kind of secret. A right one always passes: the clients
 * of one proxy or voice platform share an address with strangers who guess.
 */
export function createSecretCheck(parts: SecretCheckParts): SecretCheck {
  const { now } = parts;
  const log = createBoundedLog(parts.log, now);
  const guesses = createRateLimit({ perMinute: GUESSES_PER_MINUTE, now });

  return function checkSecret(given, right, { address }) {
    // All are compared, so that the time taken doesn't reveal which one matched.
    const [found] = right.filter((secret) =>
      given.some((text) => timingSafeEquals(text, secret))
    );
    if (found !== undefined || given.length === 0) return found;
    const seconds = guesses(toNetwork(address));
    if (seconds === undefined) return undefined;
    log.warn("token.guessed", { address });
    const message = "Too many wrong tokens came from this address";
    throw tooManyRequests(message, seconds);
  };
}
