/**
 * Whether the settings can be used, and what can be looked at where some
 * can't.
 *
 * @module
 */
import { type Config, ConfigError, readConfig } from "../../settings/config.ts";
import {
  type Environment,
  readEnvironment,
} from "../../settings/environment.ts";
import type { Finding } from "../../settings/finding.ts";
import { explain } from "../../server/log.ts";
import { createRedact, findSecretValues } from "./redact.ts";

/** The settings as far as they can be used. */
export interface Settings {
  /** What there is to say of them. */
  results: Finding[];
  /** Absent where not even the rest of them can be used. */
  config?: Config;
  /** The settings that can't be used, and stand at their defaults. */
  broken: ReadonlySet<string>;
  /** The values that must not be shown. */
  secrets: readonly string[];
}

const title = "settings";

function fail(detail: string, fix: string): Finding {
  return { status: "fail", title, detail, fix };
}

/** Reads the settings, from `.env` and the process's environment. */
export async function checkSettings(
  real: Record<string, string>,
): Promise<Settings> {
  let environment: Environment;
  try {
    environment = await readEnvironment(real);
  } catch (error) {
    const fix = ".env and layercode.config.json must be readable files";
    return {
      results: [fail(explain(error), fix)],
      broken: new Set(),
      secrets: findSecretValues(real),
    };
  }
  return readSettings(environment);
}

/** The settings of an environment. Those that are wrong are left out, to see the rest. */
export function readSettings({ env, sources }: Environment): Settings {
  const secrets = findSecretValues(env);
  try {
    const config = readConfig(env, sources);
    const results: Finding[] = [{
      status: "ok",
      title,
      detail: "can be used",
    }];
    return { results, config, broken: new Set(), secrets };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const results = error.problems.map((problem) => {
      const [what = problem, fix] = problem.split(/; (?=\w+ )/);
      return fail(what, fix ?? "change it in .env or in the environment");
    }).map(createRedact(secrets));
    const broken = new Set(error.problems.flatMap(namesIn));
    const rest = Object.entries(env).filter(([name]) => !broken.has(name));
    const { layercodeConfig, ...others } = sources;
    const isFileGood = layercodeConfig !== undefined &&
      !error.problems.some((problem) => problem.startsWith("layercode.config"));
    try {
      const config = readConfig(Object.fromEntries(rest), {
        ...others,
        ...(isFileGood ? { layercodeConfig } : {}),
      });
      return { results, config, broken, secrets };
    } catch {
      return { results, broken, secrets };
    }
  }
}

function namesIn(problem: string): string[] {
  return problem.match(/\b(PORT|HOST|[A-Z][A-Z0-9]*_[A-Z0-9_]+)\b/g) ?? [];
}
