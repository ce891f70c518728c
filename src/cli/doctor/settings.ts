/**
 * Whether the settings can be used.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
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
import type { Finding } from "../../settings/finding.ts";
import { findSecretValues } from "./redact.ts";

/** The settings, as far as they can be used. */
export interface Settings {
  /** What there is to say of them. */
  findings: Finding[];
  /** Absent where something is wrong. */
  config?: Config;
  /** The values that must not be shown. */
  secrets: readonly string[];
}

const NOT_LOOKED_AT: Finding = {
  status: "skipped",
  title: "all else",
  detail: "not looked at, since settings can't be used",
};

/** Reads the settings of this process and of the files. */
export async function checkSettings(
  real: Pick<Deno.Env, "get">,
): Promise<Settings> {
  try {
    return readSettings(await readEnvironment(real, SETTINGS));
  } catch (error) {
    const problem = `${explain(error)}; make .env and ` +
      "layercode.config.json readable files";
    return { findings: [toFinding(problem), NOT_LOOKED_AT], secrets: [] };
  }
}

/** Reads the settings of an environment. */
export function readSettings({ env, problems }: Environment): Settings {
  const secrets = findSecretValues(env);
  try {
    const config = readConfig(env, { problems });
    const detail = "can be used";
    const findings: Finding[] = [{ status: "ok", title: "settings", detail }];
    return { findings, config, secrets };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = [...error.problems.map(toFinding), NOT_LOOKED_AT];
    return { findings, secrets };
  }
}

/** A problem says what is wrong and, behind a semicolon, how to fix it. */
function toFinding(problem: string): Finding {
  const [detail = problem, fix = "change it in .env or in the environment"] =
    problem.split(/; (?=\w+ )/);
  return { status: "fail", title: "settings", detail, fix };
}
