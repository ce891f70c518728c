/**
 * Stand-in for `@std/dotenv`, used only where JSR is out of reach (see
 * pick.ts). Only `parse` is here, the one function this project uses; it reads
 * a file as the real one does, oddities included, so that a `.env` means the
 * same in both worlds. tests/offline/std_test.ts runs on both.
 *
 * @module
 */

// All are sticky: each is tried exactly where the one before it stopped.
const NAME = /\s*(?:export\s+)?([^\s=#]+)\s*=[ \t]*/y;
const SINGLE_QUOTED = /'\r?\n?([^']*?)\r?\n?'/y;
const DOUBLE_QUOTED = /"\r?\n?((?:[^"\\]|\\[^])*?)\r?\n?"/y;
const UNQUOTED = /[^\r\n#]*/y;
const REST_OF_LINE = /.*(?:\r\n|[^])?/y;

const IDENTIFIER = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const REFERENCE = /\$\{(.+?)(?::-(.+))?\}|(?<!\\)\$(\w+)(?::-(.+))?/g;

const MAX_DEPTH = 10;

const ESCAPES: Record<string, string> = {
  "\\n": "\n",
  "\\r": "\r",
  "\\t": "\t",
  '\\"': '"',
  "\\'": "'",
  "\\\\": "\\",
};

/**
 * Reads the text of a `.env` file.
 *
 * Single-quoted values are taken as they are, double-quoted ones have their
 * escapes resolved, and in unquoted ones `$X`, `${X}` and `${X:-default}` are
 * replaced: by a value of the same text, else by one of the environment (which
 * takes permission to read it), else by the default.
 *
 * @param text The file's content.
 * @returns The values by name, on an object without a prototype.
 * @throws {Error} If a value refers to itself.
 */
export function parse(text: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null);
  const unquoted = new Set<string>();
  let position = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) position = pattern.lastIndex;
    return match;
  }

  while (position < text.length) {
    const name = take(NAME)?.[1];
    if (name !== undefined) {
      const quoted = take(SINGLE_QUOTED)?.[1] ??
        take(DOUBLE_QUOTED)?.[1]?.replace(
          /\\[^]/g,
          (pair) => ESCAPES[pair] ?? pair,
        );
      if (!IDENTIFIER.test(name)) {
        warn(name);
      } else if (quoted !== undefined) {
        values[name] = quoted;
      } else {
        values[name] = take(UNQUOTED)?.[0].trim() ?? "";
        unquoted.add(name);
      }
    }
    take(REST_OF_LINE);
  }

  const before = { ...values };
  for (const name of unquoted) {
    values[name] = expand(values[name] ?? "", before);
  }
  return values;
}

/** Replaces references until none is left, for a value may hold further ones. */
function expand(value: string, values: Record<string, string>): string {
  for (let depth = 0; value.search(REFERENCE) !== -1; depth++) {
    // The real one never ends on `PATH=$PATH:/more`. That is not worth copying.
    if (depth === MAX_DEPTH) {
      throw new Error("Cannot expand a .env value: it refers to itself");
    }
    value = value.replace(
      REFERENCE,
      (
        _,
        braced?: string,
        bracedDefault?: string,
        bare?: string,
        bareDefault?: string,
      ) => {
        const name = braced ?? bare ?? "";
        return values[name] ?? Deno.env.get(name) ?? bracedDefault ??
          bareDefault ?? "undefined";
      },
    );
  }
  return value;
}

function warn(name: string): void {
  // deno-lint-ignore no-console -- the real one warns on the console
  console.warn(
    `Ignored the key "${name}" as it is not a valid identifier: ` +
      `The key need to match the pattern ${IDENTIFIER}.`,
  );
}
