/**
 * What the programs for the terminal share.
 *
 * @module
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { explain, toSafeJson } from "../server/log.ts";

/** The options of a command, as `parseArgs` declares them. */
type Options = NonNullable<ParseArgsConfig["options"]>;

/** What was given of them. */
type Values<T extends Options> = ReturnType<
  typeof parseArgs<{ options: T }>
>["values"];

/**
 * Runs a program and ends the process: with 0 when it went well, else with 1
 * and word of what is wrong.
 *
 * @param usage what `--help` prints
 * @param main resolves with whether it went well
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
    printError(isOfArgs(error) ? toMisuse(error, usage) : explain(error));
    Deno.exit(1);
  }
}

/** Whether it is what `parseArgs` throws. */
function isOfArgs(error: unknown): error is Error {
  return error instanceof Error && "code" in error &&
    `${error.code}`.startsWith("ERR_PARSE_ARGS_");
}

/** What is wrong, without advice on words that begin with a dash, and what there is. */
function toMisuse({ message }: Error, usage: string): string {
  return `${message.split(". ")[0]}\n\n${usage}`;
}

/**
 * Reads the address of a server.
 *
 * @param path added where the address has none
 * @throws {TypeError} when it isn't one of http(s)
 */
export function readServerUrl(text: string, path: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `--url "${text}": not a URL that begins with https:// or http://`,
    );
  }
  if (url.pathname === "/") url.pathname = path;
  return url;
}

/**
 * Writes text as it is, without a line's end. Part of it may come from
 * elsewhere: signs that a terminal takes for orders become blanks.
 */
export function print(text: string, to = Deno.stdout): void {
  // deno-lint-ignore no-control-regex -- those are what is looked for
  const safe = text.replaceAll(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, " ");
  to.writeSync(new TextEncoder().encode(safe));
}

/** Writes a line that is no result. */
export function printError(line: string): void {
  print(`${line}\n`, Deno.stderr);
}

/** Writes a value as JSON, of which nothing becomes a blank. */
export function printJson(value: unknown, indent?: number): void {
  print(`${toSafeJson(value, indent)}\n`);
}

/** Text on one line. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
