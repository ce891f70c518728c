/**
 * Where settings come from: `.env` in the working folder, overruled by the
 * real environment, and `layercode.config.json` beside `main.ts`.
 *
 * @module
 */
import { parse } from "@std/dotenv";
import type { ConfigSources } from "./config.ts";

/** The settings as they were found, unchecked. */
export interface Environment {
  /** Variables by name: those of `.env` and of the real environment, merged. */
  env: Record<string, string>;
  /** What was found besides variables. */
  sources: ConfigSources;
}

/**
 * Collects the settings.
 *
 * @param real the process's environment
 * @throws {SyntaxError} when `.env` can't be made sense of
 */
export async function readEnvironment(
  real: Record<string, string>,
): Promise<Environment> {
  const dotenv = await readIfThere(".env");
  const layercodeConfig = await readIfThere(
    new URL("../../layercode.config.json", import.meta.url),
  );
  return {
    env: merge(dotenv === undefined ? {} : parseDotenv(dotenv), real),
    sources: {
      ...(layercodeConfig === undefined ? {} : { layercodeConfig }),
      isTerminal: Deno.stdout.isTerminal(),
    },
  };
}

/**
 * @throws {SyntaxError} when a variable refers to itself, over which `parse`
 * would never end (@std/dotenv 0.225)
 */
function parseDotenv(text: string): Record<string, string> {
  const loop = /^\s*(?:export\s+)?(\w+)\s*=[^'"\n]*\$\{?\1\b/m.exec(text);
  if (loop) {
    throw new SyntaxError(
      `.env: ${
        loop[1]
      } refers to itself; write its value out, or in single quotes`,
    );
  }
  return parse(text);
}

/** Those that are meant when they are set to nothing: the agent is silent then. */
const MEANT_WHEN_EMPTY = ["WELCOME_MESSAGE", "WELCOME_BACK_MESSAGE"];

/** The real environment wins, unless it sets to nothing what `.env` gives, as Compose may. */
function merge(
  dotenv: Record<string, string>,
  real: Record<string, string>,
): Record<string, string> {
  const meant = Object.entries(real).filter(([name, value]) =>
    value.trim() !== "" || !(name in dotenv) || MEANT_WHEN_EMPTY.includes(name)
  );
  return { ...dotenv, ...Object.fromEntries(meant) };
}

async function readIfThere(path: string | URL): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
