/**
 * Whether the settings can be used, and what can be looked at where some
 * can't.
 *
 * @module
 */
import { type Config, inspectConfig, SETTINGS } from "../../settings/config.ts";
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
  /** Absent where they can't even be read. */
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

/** The settings of an environment. */
export function readSettings({ env, problems: known }: Environment): Settings {
  const { config, problems } = inspectConfig(env, { problems: known });
  const secrets = findSecretValues(env);
  const broken = new Set(problems.flatMap(namesIn));
  if (problems.length === 0) {
    return { results: [ok("can be used")], config, broken, secrets };
  }
  const results = problems.map((problem) => {
    const [what = problem, mend] = problem.split(/; (?=\w+ )/);
    return fail(what, mend ?? "change it in .env or in the environment");
  }).map(createRedact(secrets));
  return { results, config, broken, secrets };
}

function namesIn(problem: string): string[] {
  return SETTINGS.map(({ env }) => env)
    .filter((name) => new RegExp(`\\b${name}\\b`).test(problem));
}
