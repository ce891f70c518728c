/**
 * What a part finds out about itself when `deno task doctor` asks it.
 *
 * @module
 */

/** One finding. */
export interface CheckResult {
  /**
   * `ok`: it works. `warn`: it works, but isn't wise. `fail`: it has to be fixed.
   * `skipped`: nobody looked, and the detail says why.
   */
  status: "ok" | "warn" | "fail" | "skipped";
  /** What was looked at, in a word or two. */
  title: string;
  /** What was found. Never holds a secret. */
  detail: string;
  /** How to fix it. */
  fix?: string | undefined;
  /** The Ollama model that pulling would fix it with. */
  missingModel?: string;
}
