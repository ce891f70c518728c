/**
 * How many session keys are handed out in a minute: for each address, and in
 * all, since addresses are cheap to those who want many.
 *
 * @module
 */
import { createAddressReader, toNetwork } from "../../server/address.ts";
import { HttpError } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import { createRateLimit } from "../../server/rate_limit.ts";
import type { Sender } from "../../server/router.ts";

/** What the owner allows. */
export interface LimitSettings {
  /** How often one address may ask in a minute. */
  perAddress: number;
  /** How many keys all may have in a minute. */
  inAll: number;
  /** Addresses and ranges of the proxies whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[] | undefined;
}

/** What limits are made of. */
export interface LimitParts extends LimitSettings {
  /** Told when a limit is reached. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** The limits. */
export interface Limits {
  /**
   * Counts a request of an address.
   *
   * @returns the address
   * @throws {HttpError} 429 past the limit
   */
  takeOfAddress(request: Request, sender?: Sender): string;
  /**
   * Counts a key in all.
   *
   * @throws {HttpError} 429 past the limit
   */
  takeOfAll(): void;
}

/** How many lines strangers can have written in a minute for each limit. */
const LINES_PER_MINUTE = 10;

/** Makes the limits. */
export function createLimits(parts: LimitParts): Limits {
  const { perAddress, inAll, trustedProxies, log, now } = parts;
  const readAddress = createAddressReader(trustedProxies);
  const ofAddress = createRateLimit({ perMinute: perAddress, now });
  const ofAll = createRateLimit({ perMinute: inAll, now });
  const ofLog = createRateLimit({ perMinute: LINES_PER_MINUTE, now });

  function refuse(
    seconds: number,
    setting: string,
    fields: Record<string, unknown>,
  ): never {
    if (ofLog(setting) === undefined) {
      log.warn("authorize.limited", { setting, ...fields });
    }
    throw new HttpError(
      429,
      "rate_limited",
      `Too many session keys were asked for; ask again in ${seconds} s`,
      { "retry-after": String(seconds) },
    );
  }
  return {
    takeOfAddress(request, sender) {
      const address = readAddress(request, sender);
      const seconds = ofAddress(toNetwork(address));
      if (seconds === undefined) return address;
      // Where a proxy isn't known as one, all its callers share its limit.
      const isForwarded = request.headers.has("x-forwarded-for");
      const fix = "if this is the address of your proxy, name it in " +
        "TRUSTED_PROXIES";
      return refuse(seconds, "AUTHORIZE_PER_ADDRESS", {
        address,
        ...isForwarded ? { fix } : {},
      });
    },
    takeOfAll() {
      const seconds = ofAll();
      if (seconds !== undefined) refuse(seconds, "AUTHORIZE_IN_ALL", {});
    },
  };
}
