/**
 * The result of a check that `deno task doctor` runs.
 *
 * @module
 */

/** The result of one check. */
export interface CheckResult {
  /**
   * `ok`: it works. `warn`: it works, but should be changed. `fail`: it must be
   * fixed. `skipped`: it was not checked, and the detail says why.
   */
  status: "ok" | "warn" | "fail" | "skipped";
  /** What was checked, in a word or two. */
  title: string;
  /** What was found. `doctor` redacts secrets in it before it is printed. */
  detail: string;
  /** How to fix it. */
  fix?: string | undefined;
  /** The Ollama model that has to be pulled to fix it. */
  missingModel?: string;
}

/** Makes a result of one status. */
export type MakeResult = (detail: string, fix?: string) => CheckResult;

/** Returns what makes the results with this title, by their status. */
export function createResults(
  title: string,
): Record<CheckResult["status"], MakeResult> {
  function make(status: CheckResult["status"]): MakeResult {
    return (detail, fix) => ({ status, title, detail, fix });
  }
  return {
    ok: make("ok"),
    warn: make("warn"),
    fail: make("fail"),
    skipped: make("skipped"),
  };
}
