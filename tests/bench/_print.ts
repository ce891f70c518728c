/**
 * How the bench and its programs speak: on the standard output, line by line.
 *
 * @module
 */

/** Writes a line. */
export function print(line: string): void {
  // deno-lint-ignore no-console -- the one place for it
  console.log(line);
}
