/**
 * Findings of a diagnosis, for comparing.
 *
 * @module
 */
import type { Finding } from "../../src/settings/finding.ts";

/** Findings, one a line: `fail port: 3000 is taken → set PORT`. */
export function toLines(findings: Finding[]): string[] {
  return findings.map(({ status, title, detail, fix }) =>
    `${status} ${title}: ${detail}${fix === undefined ? "" : ` → ${fix}`}`
  );
}
