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

/** Makes the limits. */
export function createLimits(parts: LimitParts): Limits {
  const { perAddress, inAll, trustedProxies, log, now } = parts;
  const readAddress = createAddressReader(trustedProxies);
  const ofAddress = createRateLimit({ perMinute: perAddress, now });
  const ofAll = createRateLimit({ perMinute: inAll, now });

  function refuse(seconds: number): never {
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
      log.warn("authorize.limited", {
        setting: "AUTHORIZE_PER_ADDRESS",
        address,
        ...isForwarded ? { fix } : {},
      });
      return refuse(seconds);
    },
    takeOfAll() {
      const seconds = ofAll();
      if (seconds === undefined) return;
      log.warn("authorize.limited_in_all", { setting: "AUTHORIZE_IN_ALL" });
      refuse(seconds);
    },
  };
}
