/**
 * Whether this Deno is new enough.
 *
 * @module
 */
import { findings, type Result } from "./result.ts";

/** The oldest Deno that Parley runs on. */
const OLDEST = [2, 5] as const;

/** Looks at Deno's version, e.g. `2.9.6`. */
export function checkRuntime(version: string): Result {
  const { ok, fail } = findings("Deno");
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = OLDEST;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
    ? ok(version)
    : fail(
      `${version} is too old: Parley needs ${OLDEST.join(".")} or newer`,
      "deno upgrade, or npx -y deno instead of deno",
    );
}
