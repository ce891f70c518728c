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
  env: Record<string, string>;
  sources: ConfigSources;
}

/**
 * Collects the settings.
 *
 * @param real the process's environment
 */
export async function readEnvironment(
  real: Record<string, string>,
): Promise<Environment> {
  const dotenv = await readIfThere(".env");
  const layercodeConfig = await readIfThere(
    new URL("../layercode.config.json", import.meta.url),
  );
  return {
    env: merge(dotenv === undefined ? {} : parse(dotenv), real),
    sources: {
      ...(layercodeConfig === undefined ? {} : { layercodeConfig }),
      isTerminal: Deno.stdout.isTerminal(),
    },
  };
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
