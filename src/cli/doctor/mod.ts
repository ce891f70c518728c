/**
 * The checks of `deno task doctor`. They run concurrently, each with a time
 * limit.
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
import type { CheckResult } from "../../settings/check_result.ts";
import { SettingError } from "../../settings/setting.ts";
import { checkPublicUrl } from "./public_url.ts";

/** Reads the settings of an environment. If some are invalid, there is no config. */
export function readSettings(
  { env, problems, unknown }: Environment,
): { config?: Config; findings: CheckResult[] } {
  const warnings = [findUnknown({ unknown }) ?? []].flat();
  try {
    const config = readConfig(env, { problems });
    const detail = "can be used";
    const ok: CheckResult = { status: "ok", title: "settings", detail };
    return { config, findings: [ok, ...warnings] };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const rest = "not checked, since settings can't be used";
    return {
      findings: [
        ...error.problems.map(toCheckResult),
        ...warnings,
        { status: "skipped", title: "all else", detail: rest },
      ],
    };
  }
}

/** Converts a problem, whose text says what is wrong and, after a semicolon, how to fix it. */
function toCheckResult(problem: string): CheckResult {
  const [detail = problem, fix = "change it in .env or in the environment"] =
    problem.split(/; (?=\w+ )/);
  return { status: "fail", title: "settings", detail, fix };
}

/** How long a server on this machine may take to answer. */
const HEALTH_TIMEOUT_MS = 1_500;

/** Checks that the server's address is free, or that Parley listens there. */
export async function checkPort(
  address: Pick<Config, "port" | "hostname">,
): Promise<CheckResult> {
  const { port, hostname } = address;
  const title = "port";
  // A running server is asked first, since some systems let two processes listen
  // on one port.
  const health = await fetch(`${toServerUrl(address)}/health`, {
    signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
  }).then((response) => response.json()).catch(() => {});
  if (health?.provider) {
    const { version, provider, model } = health;
    const detail = `Parley ${version} is running here (${provider}, ${model})`;
    return { status: "ok", title, detail };
  }
  try {
    Deno.listen({ port, hostname }).close();
    return { status: "ok", title, detail: `${port} is free` };
  } catch (error) {
    const [detail, fix] = error instanceof Deno.errors.AddrInUse
      ? [
        `${port} is taken by something that is not Parley`,
        "set PORT to another, or stop what uses it",
      ]
      : [
        `cannot listen on ${hostname}:${port}: ${explain(error)}`,
        "HOST must be an address of this machine (127.0.0.1: only from here, " +
        "0.0.0.0: all its addresses), and PORT one that this user may use",
      ];
    return { status: "fail", title, detail, fix };
  }
}

/** Checks one part. The signal is aborted when its time is up. */
export type Check = (signal: AbortSignal) => Promise<CheckResult[]>;

/** How long the turn of `--url` may take: a model may be slow. */
const TURN_TIMEOUT_MS = 30_000;

/**
 * Lists the checks that depend on the settings, in the order of the report. The
 * keys are the titles of checks that throw.
 *
 * @param publicUrl the webhook's public URL, through which to send a turn
 */
export function listChecks(
  config: Config,
  publicUrl?: URL,
): Record<string, Check> {
  const quiet = toLog(() => {});
  const { layercode, openai, webhookSecrets, sessionStore } = config;
  const isPublic = publicUrl !== undefined;
  return {
    "session store": async () =>
      [
        await diagnoseStore(createStore(config, quiet)),
        findPlainText(sessionStore, Deno.env.get("PGSSLMODE")) ?? [],
      ].flat(),
    "port": async () => [await checkPort(config)],
    "language model": async (signal) => {
      const { tools } = await import("../../agent/mod.ts");
      const context = { toolCount: tools.length, signal };
      return await diagnoseProviders(config, context);
    },
    "layercode": (signal) =>
      diagnoseLayercode({ ...layercode, webhookSecrets }, signal),
    "chat completions": (signal) => {
      const url = publicUrl ?? new URL(toServerUrl(config));
      return diagnoseOpenAi({ ...openai, url, isPublic }, signal);
    },
    "public URL": () =>
      checkPublicUrl(publicUrl, config, AbortSignal.timeout(TURN_TIMEOUT_MS)),
  };
}

const TIMEOUT_MS = 6_000;

/** Runs the checks concurrently, and yields their results in order. */
export async function* runChecks(
  checks: Readonly<Record<string, Check>>,
  timeoutMs = TIMEOUT_MS,
): AsyncGenerator<CheckResult[], void> {
  yield* Object.entries(checks).map(async ([title, check]) => {
    try {
      return await check(AbortSignal.timeout(timeoutMs));
    } catch (error) {
      // A check that throws must not stop the others.
      const detail = `can't be checked: ${explain(error)}`;
      return [{ status: "fail", title, detail } as const];
    }
  });
}
