/**
 * Parsers of settings that several rooms share. A declaration includes one with
 * a spread: `{ env: "PORT", default: "3000", ...wholeNumber(0, 65_535) }`.
 *
 * @module
 */
import { LONGEST_TIMER_MS } from "../server/deadline.ts";
import { type Setting, SettingError } from "./setting.ts";

/** The part of a declaration that parses its value. */
export type Kind<T> = Required<Pick<Setting<T>, "parse">>;

/** A whole number, by default at most the longest delay of a timer, in milliseconds. */
export function wholeNumber(
  min: number,
  max = LONGEST_TIMER_MS,
): Kind<number> {
  return {
    parse(text, env) {
      const number = Number(text);
      if (/^\d+$/.test(text) && number >= min && number <= max) {
        return number;
      }
      throw new SettingError([
        `${env}="${text}": must be a whole number from ${min} to ${max}`,
      ]);
    },
  };
}

/** One of several words. */
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

/** A list of words with commas between them. `findProblem` returns what is wrong with one and how to fix it. */
export function listOf(
  findProblem: (word: string, index: number) => string | undefined,
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

/** Parses an http(s) address, without the slash at its end. Throws a `TypeError` if it is none. */
export function toHttpUrl(text: string): string {
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError("Not http(s)");
  return url.href.replace(/\/$/, "");
}

/** An http(s) address with a default. */
export function httpUrl(
  defaultUrl: string,
): Kind<string> & { default: string; expected: string } {
  return {
    default: defaultUrl,
    parse: toHttpUrl,
    expected: `an address such as ${defaultUrl}`,
  };
}

/** Checks a path on this disk. Throws if it holds white space or a comma. */
export function toPath(text: string, env: string): string {
  if (!/[\s,]/.test(text)) return text;
  throw new SettingError([
    `${env}: has white space or a comma in its path, which Deno's permissions ` +
    "can't name; choose another",
  ]);
}
