/**
 * Whether the settings can be used, and what can be looked at where some
 * can't.
 *
 * @module
 */
import {
  type Config,
  ConfigError,
  readConfig,
  SETTINGS,
} from "../../settings/config.ts";
import {
  type Environment,
  readEnvironment,
} from "../../settings/environment.ts";
import { explain } from "../../server/log.ts";
import { createRedact, findSecretValues } from "./redact.ts";
import { findings, type Result } from "./result.ts";

/** The settings as far as they can be used. */
export interface Settings {
  /** What there is to say of them. */
  results: Result[];
  /** Absent where not even the rest of them can be used. */
  config?: Config;
  /** The settings that can't be used, and stand at their defaults. */
  broken: ReadonlySet<string>;
  /** The values that must not be shown. */
  secrets: readonly string[];
}

const { ok, fail } = findings("settings");

/** Reads the settings of this process and of the files. */
export async function checkSettings(
  real: Pick<Deno.Env, "get">,
): Promise<Settings> {
  try {
    return readSettings(await readEnvironment(real, SETTINGS));
  } catch (error) {
    const mend = ".env and layercode.config.json must be readable files";
    const results = [fail(explain(error), mend)];
    return { results, broken: new Set(), secrets: [] };
  }
}

/** The settings of an environment. Those that are wrong are left out, to see the rest. */
export function readSettings({ env, problems }: Environment): Settings {
  const secrets = findSecretValues(env);
  try {
    const config = readConfig(env, { problems });
    return { results: [ok("can be used")], config, broken: new Set(), secrets };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const results = error.problems.map((problem) => {
      const [what = problem, mend] = problem.split(/; (?=\w+ )/);
      return fail(what, mend ?? "change it in .env or in the environment");
    }).map(createRedact(secrets));
    const broken = new Set(error.problems.flatMap(namesIn));
    const rest = Object.entries(env).filter(([name]) => !broken.has(name));
    try {
      const config = readConfig(Object.fromEntries(rest));
      return { results, config, broken, secrets };
    } catch {
      return { results, broken, secrets };
    }
  }
}

function namesIn(problem: string): string[] {
  return SETTINGS.map(({ env }) => env)
    .filter((name) => new RegExp(`\\b${name}\\b`).test(problem));
}
