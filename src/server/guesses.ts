/**
 * Slows down who guesses a token or a key: past so many wrong ones of an
 * address in a minute, it is refused whatever it shows. An address that has
 * shown a right one goes on being let in by it: callers of one proxy or one
 * voice platform share theirs with strangers.
 *
 * @module
 */
import { createAddressReader, toNetwork } from "./address.ts";
import { createBoundedLog } from "./bounded_log.ts";
import { HttpError } from "./http.ts";
import type { Log } from "./log.ts";
import { createRateLimit } from "./rate_limit.ts";
import type { Sender } from "./router.ts";

/** What guesses are counted with. */
export interface GuessParts {
  /** Addresses and ranges of the proxies whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[] | undefined;
  /** Told of addresses that guess, never of what they guessed. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/**
 * Judges what a sender shows, one or several of them at once.
 *
 * @param isRight whether one is right, in a time that doesn't tell how near it was
 * @returns whether one of them is right
 * @throws {HttpError} 429 where the sender has guessed too often
 */
export type Judge = (
  shown: readonly string[],
  isRight: (one: string) => boolean,
  from: { request: Request; sender: Sender | undefined },
) => boolean;

/** How many wrong ones an address may show in a minute. */
const GUESSES_PER_MINUTE = 30;

/** How many addresses are remembered that have shown a right one. */
const MAX_KNOWN = 10_000;

/** Makes the one judge of all tokens of a kind. */
export function createJudge(parts: GuessParts): Judge {
  const { trustedProxies, now } = parts;
  const log = createBoundedLog(parts.log, now);
  const readAddress = createAddressReader(trustedProxies);
  const guesses = createRateLimit({ perMinute: GUESSES_PER_MINUTE, now });
  const known = new Set<string>();

  return function judge(shown, isRight, { request, sender }) {
    if (shown.length === 0) return false;
    const address = readAddress(request, sender);
    const isLetIn = shown.some(isRight);
    if (isLetIn && known.has(address)) return true;
    const network = toNetwork(address);
    const seconds = guesses(network, isLetIn ? 0 : 1);
    if (seconds !== undefined) {
      log.warn("token.guessed", { address });
      throw new HttpError(
        429,
        "rate_limited",
        `Too many wrong tokens came from this address; try again in ${seconds} s`,
        { "retry-after": String(seconds) },
      );
    }
    if (isLetIn) {
      if (known.size >= MAX_KNOWN) known.clear();
      known.add(address);
    }
    return isLetIn;
  };
}
