/**
 * Collects the settings from the real environment, from `.env` in the working
 * folder, and from `layercode.config.json` beside `main.ts`; the first that sets
 * a variable wins. Only declared variables are read: Deno permits no others.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { parse } from "@std/dotenv";
import { explain } from "../server/log.ts";
import type { CheckResult } from "./check_result.ts";
import type { Setting } from "./setting.ts";

/** The settings as texts, not checked yet. */
export interface Environment {
  /** Variables by name. */
  env: Record<string, string>;
  /** Problems with the files. */
  problems: string[];
  /** Variables in `.env` that are not settings, such as misspelt ones. */
  unknown: readonly string[];
}

/** The files that may hold settings. */
export const FILES = {
  dotenv: ".env",
  layercodeConfig: new URL("../../layercode.config.json", import.meta.url),
};

type Variables = Readonly<Record<string, string | null | undefined>>;

/** Collects the settings. Where a variable is empty, as Compose may set it, the next source is used, unless the setting declares `mayBeEmpty`. */
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

/** Returns a warning if `.env` sets variables that are not settings. */
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

/** Returns the names of the variables to which values in a `.env` refer, such as `$NAME`. */
export function findReferences(dotenv: string): string[] {
  return [...dotenv.matchAll(/\$\{?([A-Za-z_]\w*)/g)]
    .map(([, name = ""]) => name);
}

/** @throws {SyntaxError} when a variable refers to itself, on which `parse` of @std/dotenv 0.225 never returns */
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

/** Parses `layercode.config.json`, the file in which Layercode's own examples store these settings. */
function parseLayercodeConfig(text: string): Variables {
  // A file from Windows may begin with U+FEFF, which `trim()` removes.
  const file: unknown = JSON.parse(text.trim());
  const { prompt, welcome_message } = layercodeConfigSchema
    .parse(file, { mode: "strip" });
  return { SYSTEM_PROMPT: prompt, WELCOME_MESSAGE: welcome_message };
}

/** Returns a file's text, or `undefined` if there is no such file. */
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
