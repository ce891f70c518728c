/**
 * What the tests of the vendors' checks share.
 *
 * @module
 */
import { readConfig } from "../../../src/settings/config.ts";
import type { Check, Context } from "../../../src/cli/doctor/result.ts";
import type { Finding } from "../../../src/settings/finding.ts";
import { deadUrl } from "../../fakes/loopback.ts";

/** What there is to look at, with these settings. Nothing of it is on the network. */
export function context(
  env: Record<string, string> = {},
  more: Partial<Context> = {},
): Context {
  const nowhere = deadUrl();
  const config = readConfig({
    PORT: "0",
    OLLAMA_HOST: nowhere,
    GEMINI_BASE_URL: nowhere,
    LAYERCODE_API_URL: nowhere,
    ...env,
  });
  return { config, now: Date.now, ...more };
}

/** Runs a check. */
export function look(check: Check, of: Context): Promise<Finding[]> {
  return check(of, AbortSignal.timeout(20_000));
}
