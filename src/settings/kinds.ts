/**
 * Kinds of settings that several rooms have. A declaration takes one in:
 * `{ env: "PORT", default: "3000", ...wholeNumber(0, 65_535) }`.
 *
 * @module
 */
import { type Setting, SettingError } from "./setting.ts";

/** What a kind adds to a declaration. */
export type Kind<T> = Required<Pick<Setting<T>, "parse">>;

/** A timer for longer would ring at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * A whole number.
 *
 * @param most default: as many milliseconds as a timer can count
 */
export function wholeNumber(
  least: number,
  most = LONGEST_TIMER_MS,
): Kind<number> {
  return {
    parse(text, env) {
      const number = Number(text);
      if (/^\d+$/.test(text) && number >= least && number <= most) {
        return number;
      }
      throw new SettingError([
        `${env}="${text}": must be a whole number from ${least} to ${most}`,
      ]);
    },
  };
}

/** One of a few words. */
export function oneOf<T extends string>(allowed: readonly T[]): Kind<T> {
  return {
    parse(text, env) {
      const found = allowed.find((item) => item === text);
      if (found !== undefined) return found;
      throw new SettingError([
        `${env}="${text}": must be one of ${allowed.join(", ")}`,
      ]);
    },
  };
}

/** `on` or `off`. */
export const onOrOff: Kind<boolean> = {
  parse: (text, env) => oneOf(["on", "off"]).parse(text, env) === "on",
};

/**
 * Words with commas between them, each of which has to be right.
 *
 * @param findProblem says what is wrong with a word, and how to fix it
 */
export function listOf(
  findProblem: (
    word: string,
    index: number,
    all: string[],
  ) => string | undefined,
): Kind<string[]> {
  return {
    parse(text, env) {
      const words = text.split(",").map((word) => word.trim());
      const problems = new Set(words.map(findProblem));
      problems.delete(undefined);
      if (problems.size === 0) return words;
      throw new SettingError([...problems].map((it) => `${env}: ${it}`));
    },
  };
}

/**
 * An http(s) address without a slash at its end.
 *
 * @throws {TypeError} when it is none
 */
export function toHttpUrl(text: string): string {
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError("Not http(s)");
  return url.href.replace(/\/$/, "");
}

/** An http(s) address, and what it is where nobody sets it. */
export function httpUrl(
  standard: string,
): Kind<string> & { default: string; expected: string } {
  return {
    default: standard,
    parse: toHttpUrl,
    expected: `an address such as ${standard}`,
  };
}

/**
 * A path on this disk. White space and commas can't be passed to Deno in the
 * flags that let the process use the path and nothing else.
 *
 * @throws {SettingError} when there is one in it
 */
export function toPath(text: string, env: string): string {
  if (!/[\s,]/.test(text)) return text;
  throw new SettingError([
    `${env}: has white space or a comma in its path, which Deno's permissions ` +
    "can't name; choose another",
  ]);
}
