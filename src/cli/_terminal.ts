/**
 * Code that the commands share.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { explain, toSafeJson } from "../server/log.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T }>
>["values"];

/**
 * Runs a command and exits: with code 0 if it succeeded, else with 1 and, after
 * an error, its message.
 *
 * @param usage what `--help` prints, and what follows the message of a `TypeError`
 * @param main resolves with whether the command succeeded
 */
export async function run<const T extends Options>(
  usage: string,
  options: T,
  main: (values: Values<T>, words: readonly string[]) => Promise<boolean>,
): Promise<never> {
  const args = Deno.args;
  try {
    if (args.includes("--help") || args.includes("-h")) {
      print(usage);
      Deno.exit(0);
    }
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options,
    });
    Deno.exit(await main(values, positionals) ? 0 : 1);
  } catch (error) {
    const message = explain(error);
    // `parseArgs` goes on with advice on words that begin with a dash.
    const misuse = `${message.split(". ")[0]}\n\n${usage}`;
    printError(error instanceof TypeError ? misuse : message);
    Deno.exit(1);
  }
}

/** Parses the URL of a server, and gives it this path if it has none. */
export function readServerUrl(text: string, path: string): URL {
  const url = URL.parse(text);
  if (!url?.protocol.startsWith("http")) {
    throw new TypeError(
      `--url "${text}": not a URL that begins with https:// or http://`,
    );
  }
  if (url.pathname === "/") url.pathname = path;
  return url;
}

/**
 * Prints a text without a line break after it. Since part of it may be untrusted,
 * control characters, which a terminal may obey, become blanks.
 */
export function print(text: string, to = Deno.stdout): void {
  // deno-lint-ignore no-control-regex -- it finds control characters
  const safe = text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, " ");
  to.writeSync(new TextEncoder().encode(safe));
}

/** Prints a line to stderr, for what is not a result. */
export function printError(line: string): void {
  print(`${line}\n`, Deno.stderr);
}

/** Prints a value as JSON, with control characters escaped. */
export function printJson(value: unknown, indent?: number): void {
  print(`${toSafeJson(value, indent)}\n`);
}

/** Puts a text on one line. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
