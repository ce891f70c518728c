/**
 * Where settings come from: the real environment first, then `.env` in the
 * working folder, then `layercode.config.json` beside `main.ts`. Only what is
 * declared is looked at, which is also all that the process may read.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { parse } from "@std/dotenv";
import { explain } from "../server/log.ts";
import type { CheckResult } from "./check_result.ts";
import type { Setting } from "./setting.ts";

/** The settings as they were found, unchecked. */
export interface Environment {
  /** Variables by name. */
  env: Record<string, string>;
  /** What is wrong with the files. */
  problems: string[];
  /** Variables of `.env` that are no settings, such as one that is misspelt. */
  unknown: readonly string[];
}

/** The files that settings may be in. */
export const FILES = {
  dotenv: ".env",
  layercodeConfig: new URL("../../layercode.config.json", import.meta.url),
};

/** Variables by name, as a file has them. */
type Variables = Readonly<Record<string, string | null | undefined>>;

/**
 * Collects the settings. A variable that is set to nothing, as Compose may set
 * it, leaves the word to the next place, unless nothing means something there.
 *
 * @param real the process's environment
 */
export async function readEnvironment(
  real: Pick<Deno.Env, "get">,
  settings: readonly Setting<unknown>[],
  files: Record<keyof typeof FILES, string | URL> = FILES,
): Promise<Environment> {
  const problems: string[] = [];
  async function read(
    path: string | URL,
    toVariables: (text: string) => Variables,
  ): Promise<Variables> {
    try {
      const text = await readIfThere(path);
      return text === undefined ? {} : toVariables(text);
    } catch (error) {
      const name = String(path).split("/").at(-1);
      problems.push(`${name}: ${explain(error)}`);
      return {};
    }
  }
  let referred: string[] = [];
  const dotenv = await read(files.dotenv, (text) => {
    referred = findReferences(text);
    return parseDotenv(text);
  });
  const config = await read(files.layercodeConfig, parseLayercodeConfig);
  const env: Record<string, string> = {};
  for (const { env: name, mayBeEmpty, belongsTo } of settings) {
    const places = belongsTo === undefined ? [dotenv, config] : [];
    const value = [real.get(name), ...places.map((place) => place[name])]
      .find((value) => mayBeEmpty ? value !== undefined : value?.trim());
    if (value != null) env[name] = value;
  }
  const known = new Set([
    ...settings.filter(({ belongsTo }) => belongsTo === undefined)
      .map(({ env }) => env),
    ...referred,
  ]);
  const unknown = Object.keys(dotenv).filter((name) => !known.has(name));
  return { env, problems, unknown };
}

/** Tells of variables in `.env` that are no settings. */
export function findUnknown(
  { unknown }: Pick<Environment, "unknown">,
): CheckResult | undefined {
  if (unknown.length === 0) return undefined;
  return {
    status: "warn",
    title: "settings",
    detail: `.env sets ${unknown.join(", ")}: Parley has no such setting`,
    fix: "look up the name in docs/settings.md",
  };
}

/** The variables to which values of a `.env` refer, such as `$NAME`. */
export function findReferences(dotenv: string): string[] {
  return [...dotenv.matchAll(/\$\{?([A-Za-z_]\w*)/g)]
    .map(([, name = ""]) => name);
}

/** @throws {SyntaxError} when a variable refers to itself, over which `parse` would never end (@std/dotenv 0.225) */
function parseDotenv(text: string): Variables {
  const loop = /^\s*(?:export\s+)?(\w+)\s*=[^'"\n]*\$\{?\1\b/m.exec(text);
  if (loop === null) return parse(text);
  throw new SyntaxError(
    `${loop[1]} refers to itself; write its value out, or in single quotes`,
  );
}

const layercodeConfigSchema = v.object({
  prompt: v.string().nullable().optional(),
  welcome_message: v.string().nullable().optional(),
});

/** Reads what Layercode's own examples keep in `layercode.config.json`. */
function parseLayercodeConfig(text: string): Variables {
  try {
    // A file from Windows may begin with U+FEFF, which `trim()` takes off.
    const file: unknown = JSON.parse(text.trim());
    const { prompt, welcome_message } = layercodeConfigSchema
      .parse(file, { mode: "strip" });
    return { SYSTEM_PROMPT: prompt, WELCOME_MESSAGE: welcome_message };
  } catch {
    throw new SyntaxError(
      'must be a JSON object, and its "prompt" and "welcome_message" strings',
    );
  }
}

/** A file's text, if there is one. */
export async function readIfThere(
  path: string | URL,
): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
