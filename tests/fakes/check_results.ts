/**
 * Results of checks as text, for comparing.
 *
 * @module
 */
import type { CheckResult } from "../../src/settings/check_result.ts";

/** Formats each result as a line: `fail port: 3000 is taken → set PORT`. */
export function toLines(results: CheckResult[]): string[] {
  return results.map(({ status, title, detail, fix }) =>
    `${status} ${title}: ${detail}${fix === undefined ? "" : ` → ${fix}`}`
  );
}
