/**
 * The checks of `deno task doctor`.
 *
 * @module
 */
import { diagnose as diagnoseLayercode } from "../../platforms/layercode/diagnosis.ts";
import { diagnose as diagnoseOpenAi } from "../../platforms/openai/diagnosis.ts";
import { diagnoseProviders } from "../../providers/choice.ts";
import { toServerUrl } from "../../server/listen.ts";
import { explain, toLog } from "../../server/log.ts";
import {
  createStore,
  diagnoseStore,
  findPlainText,
} from "../../sessions/mod.ts";
import { type Config, readConfig } from "../../settings/config.ts";
import { type Environment, findUnknown } from "../../settings/environment.ts";
import {
  type CheckResult,
  createResults,
} from "../../settings/check_result.ts";
import { SettingError } from "../../settings/setting.ts";
import { checkPublicUrl } from "./public_url.ts";

const settings = createResults("settings");

/** Reads the settings of an environment. If some are invalid, there is no config. */
export function readSettings(
  { env, problems, unknown }: Environment,
): { config?: Config; findings: CheckResult[] } {
  const warnings = [findUnknown({ unknown }) ?? []].flat();
  try {
    const config = readConfig(env, { problems });
    return { config, findings: [settings.ok("can be used"), ...warnings] };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const { skipped } = createResults("all else");
    return {
      findings: [
        ...error.problems.map(toCheckResult),
        ...warnings,
        skipped("not checked, since settings can't be used"),
      ],
    };
  }
}

/** Converts a problem, whose text says what is wrong and, after a semicolon, how to fix it. */
function toCheckResult(problem: string): CheckResult {
  const where = ".env, layercode.config.json or the environment";
  const [detail = problem, fix = `change it in ${where}`] = problem
    .split(/; (?=\w+ )/);
  return settings.fail(detail, fix);
}

/** How long a server on this machine may take to answer. */
const HEALTH_TIMEOUT_MS = 1_500;

/** Checks that the server's address is free, or that Parley listens there. */
export async function checkPort(
  address: Pick<Config, "port" | "hostname">,
): Promise<CheckResult> {
  const { port, hostname } = address;
  const { ok, fail } = createResults("port");
  // A running server is asked first, since some systems let two processes listen
  // on one port.
  const health = await fetch(`${toServerUrl(address)}/health`, {
    signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
  }).then((response) => response.json()).catch(() => {});
  if (health?.provider) {
    const { version, provider, model } = health;
    return ok(`Parley ${version} is running here (${provider}, ${model})`);
  }
  try {
    Deno.listen({ port, hostname }).close();
    return ok(`${port} is free`);
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse
      ? fail(
        `${port} is taken by something that is not Parley`,
        "set PORT to another, or stop what uses it",
      )
      : fail(
        `cannot listen on ${hostname}:${port}: ${explain(error)}`,
        "HOST must be an address of this machine (127.0.0.1: only from here, " +
          "0.0.0.0: all its addresses), and PORT one that this user may use",
      );
  }
}

/** How long the turn of `--url` may take: a model may be slow. */
const TURN_TIMEOUT_MS = 30_000;

/** How long each other check may take. */
const TIMEOUT_MS = 6_000;

/**
 * Starts all the checks that depend on the settings, and returns their results in
 * the order of the report.
 *
 * @param publicUrl the webhook's public URL, through which to send a turn
 */
export function startChecks(
  config: Config,
  publicUrl?: URL,
  timeoutMs = TIMEOUT_MS,
): Promise<CheckResult[]>[] {
  const quiet = toLog(() => {});
  const signal = AbortSignal.timeout(timeoutMs);
  const { layercode, openai, webhookSecrets, sessionStore } = config;
  const checks: Record<string, () => Promise<CheckResult | CheckResult[]>> = {
    "session store": async () =>
      [
        await diagnoseStore(createStore(config, quiet)),
        findPlainText(sessionStore, Deno.env.get("PGSSLMODE")) ?? [],
      ].flat(),
    "port": () => checkPort(config),
    "language model": async () => {
      const { tools } = await import("../../agent/mod.ts");
      const context = { toolCount: tools.length, signal };
      return await diagnoseProviders(config, context);
    },
    "layercode": () =>
      diagnoseLayercode({ ...layercode, webhookSecrets }, signal),
    "chat completions": async () => {
      // Without keys, the routes are closed.
      const [key] = openai.keys ?? [];
      const server = publicUrl ?? new URL(toServerUrl(config));
      return key === undefined ? [] : await diagnoseOpenAi(key, server, signal);
    },
    "public URL": () =>
      checkPublicUrl(publicUrl, config, AbortSignal.timeout(TURN_TIMEOUT_MS)),
  };
  return Object.entries(checks).map(async ([title, check]) => {
    try {
      return [await check()].flat();
    } catch (error) {
      // A check that throws must not stop the others.
      const { fail } = createResults(title);
      return [fail(`can't be checked: ${explain(error)}`)];
    }
  });
}
