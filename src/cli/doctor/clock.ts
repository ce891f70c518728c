/**
 * Whether this machine's clock is right: a signature is good for five minutes
 * either way, so a clock that is off refuses every caller.
 *
 * @module
 */
import { TOLERANCE_SECONDS } from "../../platforms/layercode/verify.ts";
import { ask, type ClockDifference, compareClocks, shown } from "./net.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, fail, skipped } = findings("clock");

/** How far off is too far, so that signatures still have some way to go. */
const ALLOWED_SECONDS = 60;

/** Compares the clock with that of a service that is asked anyway. No key is sent. */
export async function checkClock(
  { config }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { layercode, vendors: { gemini } } = config;
  const urls = [layercode.apiUrl];
  if (gemini.apiKey !== undefined) urls.push(gemini.baseUrl);
  const found = await Promise.any(urls.map(async (url) => {
    const reply = await ask(url, { method: "HEAD", signal });
    const difference = compareClocks(reply);
    if (difference === undefined) throw new Error("No date");
    return judgeClock(difference, new URL(url).host);
  })).catch(() =>
    skipped(
      `nobody to compare it with: ${urls.map(shown).join(" and ")} could not ` +
        "be reached, or told no time",
    )
  );
  return [found];
}

/** What a difference means. */
export function judgeClock(
  { seconds, uncertaintySeconds }: ClockDifference,
  host: string,
): Result {
  const off = Math.abs(seconds);
  if (off - uncertaintySeconds <= ALLOWED_SECONDS) {
    const within = Math.ceil(off + uncertaintySeconds);
    return ok(`within ${within} s of ${host}'s`);
  }
  const side = seconds > 0 ? "ahead of" : "behind";
  return fail(
    `${
      Math.round(off)
    } s ${side} ${host}'s; webhooks are refused when it is off by ${TOLERANCE_SECONDS} s`,
    MENDS[Deno.build.os] ??
      "let it be set by the network: sudo timedatectl set-ntp true",
  );
}

const MENDS: Partial<Record<typeof Deno.build.os, string>> = {
  darwin: "let it be set by the network: sudo sntp -sS time.apple.com",
  windows: "let it be set by the network: w32tm /resync",
};
