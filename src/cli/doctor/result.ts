/**
 * What a check finds out, and what it is given to find it out with.
 *
 * @module
 */
import type { Config } from "../../settings/config.ts";

/**
 * `ok`: it works. `warn`: it works, but isn't wise. `fail`: it has to be
 * mended. `skipped`: it was not looked at, and the detail says why.
 */
export type Status = "ok" | "warn" | "fail" | "skipped";

/** One finding. */
export interface Result {
  /** How it stands. */
  status: Status;
  /** What was looked at, in a word or two. */
  title: string;
  /** What was found. Never holds a secret. */
  detail: string;
  /** How to mend it. */
  mend?: string;
  /** The Ollama model whose absence this tells of; it can be pulled. */
  missingModel?: string;
}

/** What checks look at. */
export interface Patient {
  /** The settings. */
  config: Config;
  /** Parley's own version. */
  version: string;
  /** The public address to try, where one was given. */
  publicUrl?: URL;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** Looks at one thing. Must heed the signal, which is aborted when its time is up. */
export type Check = (
  patient: Patient,
  signal: AbortSignal,
) => Promise<Result[]>;

/** Makes findings of one title. */
export interface Findings {
  /** It works. */
  ok(detail: string): Result;
  /** It works, but isn't wise. */
  warn(detail: string, mend: string): Result;
  /** It has to be mended. */
  fail(detail: string, mend: string): Result;
  /** It was not looked at. */
  skipped(detail: string): Result;
}

/** Makes the findings of one check, which share their title. */
export function findings(title: string): Findings {
  return {
    ok: (detail) => ({ status: "ok", title, detail }),
    warn: (detail, mend) => ({
      status: "warn",
      title,
      detail,
      mend,
    }),
    fail: (detail, mend) => ({
      status: "fail",
      title,
      detail,
      mend,
    }),
    skipped: (detail) => ({ status: "skipped", title, detail }),
  };
}
