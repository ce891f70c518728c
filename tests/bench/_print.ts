/**
 * The output of the bench and its programs: lines on standard output.
 *
 * @module
 */

/** Writes a line. */
export function print(line: string): void {
  // deno-lint-ignore no-console -- the only place that prints
  console.log(line);
}
