/**
 * What the checks of the vendors share, until each vendor has its own diagnosis.
 *
 * @module
 */
import type { Config } from "../../settings/config.ts";
import type { Finding } from "../../settings/finding.ts";

/** What checks look at. */
export interface Context {
  /** The settings. */
  config: Config;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** Looks at one thing. Must heed the signal, which is aborted when its time is up. */
export type Check = (
  context: Context,
  signal: AbortSignal,
) => Promise<Finding[]>;

/** Makes the findings of one check, which share their title. */
export function findings(title: string): {
  ok: (detail: string) => Finding;
  warn: (detail: string, fix: string) => Finding;
  fail: (detail: string, fix: string) => Finding;
  skipped: (detail: string) => Finding;
} {
  return {
    ok: (detail) => ({ status: "ok", title, detail }),
    warn: (detail, fix) => ({ status: "warn", title, detail, fix }),
    fail: (detail, fix) => ({ status: "fail", title, detail, fix }),
    skipped: (detail) => ({ status: "skipped", title, detail }),
  };
}
