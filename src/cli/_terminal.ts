/**
 * What the programs for the terminal share.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { ConfigError } from "../settings/config.ts";
import { explain, printError } from "../server/log.ts";

/** Something that the person who typed the command has to fix. */
export class UsageError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "UsageError";
}

/**
 * Runs a program and ends the process: with 0 when it went well, else with 1
 * and word of what is wrong.
 *
 * @param main resolves with whether it went well
 */
export async function run(
  main: (args: string[]) => Promise<boolean>,
): Promise<never> {
  try {
    Deno.exit(await main(Deno.args) ? 0 : 1);
  } catch (error) {
    const known = error instanceof UsageError || error instanceof ConfigError;
    printError(printable(known ? error.message : explain(error)));
    Deno.exit(1);
  }
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} with the usage, when it can't be understood
 */
export function readArguments<
  const T extends NonNullable<ParseArgsConfig["options"]>,
>(args: string[], options: T, usage: string) {
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(`${explain(error)}\n\n${usage}`);
  }
}

/**
 * Reads the address of a server.
 *
 * @param path added where the address has none; default: the webhook's
 * @throws {UsageError} when it isn't one of http(s)
 */
export function readServerUrl(text: string, path = "/agent"): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `--url "${text}": not a URL that begins with https:// or http://`,
    );
  }
  if (url.pathname === "/") url.pathname = path;
  return url;
}

/** Writes text as it is, without a line's end. */
export function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Makes text step back, where a terminal shows it. */
export function dim(text: string): string {
  return Deno.stdout.isTerminal() && !Deno.noColor
    ? `\x1b[2m${text}\x1b[0m`
    : text;
}

/** Text from outside, without the signs that a terminal takes for orders. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- those are what is looked for
  return text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, " ");
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ");
}

/** A value as JSON that gives a terminal no orders: JSON itself escapes only the first 32 signs. */
export function printableJson(value: unknown, indent?: number): string {
  return String(JSON.stringify(value, null, indent)).replaceAll(
    /[\x7f-\x9f]/g,
    (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`,
  );
}
