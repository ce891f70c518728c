/**
 * Tells who asks by the key that they show, and slows down who guesses.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createAddressReader, toNetwork } from "../../server/address.ts";
import { createBoundedLog } from "../../server/bounded_log.ts";
import { HttpError } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import { createRateLimit } from "../../server/rate_limit.ts";
import type { Sender } from "../../server/router.ts";

/** What is needed to tell who asks. */
export interface KeyParts {
  /** The owner's. */
  keys: readonly string[];
  /** Addresses and ranges of the proxies whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[] | undefined;
  /** Told of refusals, never of keys. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** How many wrong keys an address may show in a minute. */
const GUESSES_PER_MINUTE = 30;

/** How many senders are remembered that have shown a right key, and how many networks a wrong one. */
const MAX_TRUSTED = 10_000;

/** How many letters of a key's hash name it. */
const NAME_LETTERS = 8;

/**
 * Makes what checks the key of a request.
 *
 * @returns a function that gives the key's name, a part of its hash, and throws
 * an {@linkcode HttpError} where there is no right key: 401, and 429 past 30
 * wrong ones of an address in a minute. Where a right key came from, no limit
 * is: many of a platform's customers share its addresses
 */
export function createKeyCheck(
  { keys, trustedProxies, log, now }: KeyParts,
): (request: Request, sender?: Sender) => string {
  const known = keys.map(digest);
  const readAddress = createAddressReader(trustedProxies);
  const takeGuess = createRateLimit({ perMinute: GUESSES_PER_MINUTE, now });
  const bounded = createBoundedLog(log, now);
  /** Who has shown a right key, by what is told of them at once. */
  const trusted = new Set<string>();
  let limitedUntil = new Map<string, number>();

  return function check(request, sender) {
    const { headers } = request;
    const origin = `${sender?.address} ${headers.get("x-forwarded-for")}`;
    const name = find(readKey(headers));
    if (name !== undefined && trusted.has(origin)) return name;
    const address = readAddress(request, sender);
    const network = toNetwork(address);
    const limitedMs = (limitedUntil.get(network) ?? 0) - now();
    if (limitedMs > 0) throw limited(limitedMs);
    if (name === undefined) {
      bounded.warn("completions.refused", { address });
      const seconds = takeGuess(network);
      if (seconds === undefined) throw wrongKey();
      if (limitedUntil.size >= MAX_TRUSTED) limitedUntil = new Map();
      limitedUntil.set(network, now() + seconds * 1000);
      throw limited(seconds * 1000);
    }
    if (trusted.size >= MAX_TRUSTED) trusted.clear();
    trusted.add(origin);
    return name;
  };

  /** The name of a key, if it is one of the owner's. */
  function find(given: string): string | undefined {
    const hash = digest(given);
    // No early way out: the time taken must not tell which key it was.
    const [found] = known.filter((key) => timingSafeEqual(key, hash));
    return found?.toString("hex").slice(0, NAME_LETTERS);
  }
}

/** The key as OpenAI's clients send it, or bare, or as others do. */
function readKey(headers: Headers): string {
  const authorization = headers.get("authorization") ?? "";
  const bearer = authorization.replace(/^Bearer\b/i, "").trim();
  return bearer || (headers.get("x-api-key")?.trim() ?? "");
}

function digest(text: string) {
  return createHash("sha256").update(text).digest();
}

function wrongKey(): HttpError {
  return new HttpError(
    401,
    "invalid_api_key",
    "Send one of this server's API_KEYS, as authorization: Bearer <key>",
    { "www-authenticate": "Bearer" },
  );
}

function limited(ms: number): HttpError {
  const seconds = Math.ceil(ms / 1000);
  return new HttpError(
    429,
    "rate_limited",
    `Too many wrong keys came from this address; try again in ${seconds} s`,
    { "retry-after": String(seconds) },
  );
}
