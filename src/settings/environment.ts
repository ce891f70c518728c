/**
 * Where settings come from: the real environment first, then `.env` in the
 * working folder, then `layercode.config.json` beside `main.ts`. Only what is
 * declared is looked at, which is also all that the process may read.
 *
 * @module
 */
import { parse } from "@std/dotenv";
import type { Setting } from "./setting.ts";

/** The settings as they were found, unchecked. */
export interface Environment {
  /** Variables by name. */
  env: Record<string, string>;
  /** What is wrong with the files. */
  problems: string[];
}

/** The files that settings may be in. */
export const FILES = {
  dotenv: ".env",
  layercodeConfig: new URL("../../layercode.config.json", import.meta.url),
};

/**
 * Collects the settings. A variable that is set to nothing, as Compose may set
 * it, leaves the word to the next place, unless nothing means something there.
 *
 * @param real the process's environment
 * @throws {SyntaxError} when `.env` can't be made sense of
 */
export async function readEnvironment(
  real: Pick<Deno.Env, "get">,
  settings: readonly Setting<unknown>[],
  files: { dotenv: string | URL; layercodeConfig: string | URL } = FILES,
): Promise<Environment> {
  const problems: string[] = [];
  const dotenv = await readDotenv(files.dotenv);
  const config = await readIfThere(files.layercodeConfig);
  const fields = config === undefined
    ? {}
    : readLayercodeConfig(config, problems);
  const env: Record<string, string> = {};
  for (const { env: name, mayBeEmpty, belongsTo } of settings) {
    const value = [
      real.get(name),
      ...belongsTo === undefined ? [dotenv[name], fields[name]] : [],
    ].find((value) => mayBeEmpty ? value !== undefined : value?.trim());
    if (value !== undefined) env[name] = value;
  }
  return { env, problems };
}

/**
 * Reads the variables of `.env`.
 *
 * @throws {SyntaxError} when one refers to itself, over which `parse` would
 * never end (@std/dotenv 0.225)
 */
async function readDotenv(path: string | URL): Promise<Record<string, string>> {
  const text = await readIfThere(path) ?? "";
  const loop = /^\s*(?:export\s+)?(\w+)\s*=[^'"\n]*\$\{?\1\b/m.exec(text);
  if (loop === null) return parse(text);
  throw new SyntaxError(
    `.env: ${
      loop[1]
    } refers to itself; write its value out, or in single quotes`,
  );
}

/** What Layercode's own examples keep in `layercode.config.json`, and the settings that it is here. */
const LAYERCODE_FIELDS = {
  prompt: "SYSTEM_PROMPT",
  welcome_message: "WELCOME_MESSAGE",
};

/** Reads `layercode.config.json`, as if its fields were variables. */
function readLayercodeConfig(
  source: string,
  problems: string[],
): Record<string, string> {
  let file: unknown;
  try {
    file = JSON.parse(source.replace(/^\uFEFF/, ""));
  } catch {
    // Told below, like anything else that is no object.
  }
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    problems.push("layercode.config.json: must be a JSON object");
    return {};
  }
  const fields: Record<string, unknown> = { ...file };
  const env: Record<string, string> = {};
  for (const [key, name] of Object.entries(LAYERCODE_FIELDS)) {
    const value = fields[key] ?? undefined;
    if (typeof value === "string") env[name] = value;
    else if (value !== undefined) {
      problems.push(`layercode.config.json: "${key}" must be a string`);
    }
  }
  return env;
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
