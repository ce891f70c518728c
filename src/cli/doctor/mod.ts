/**
 * What `deno task doctor` looks at: every part is asked about itself, all at
 * once, each for a bounded time.
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

/** Reads the settings of an environment, as far as they can be used. */
export function readSettings(
  { env, problems, unknown }: Environment,
): { config?: Config; findings: CheckResult[] } {
  const remarks = [findUnknown({ unknown }) ?? []].flat();
  try {
    const config = readConfig(env, { problems });
    const detail = "can be used";
    const ok: CheckResult = { status: "ok", title: "settings", detail };
    return { config, findings: [ok, ...remarks] };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const rest = "not looked at, since settings can't be used";
    return {
      findings: [
        ...error.problems.map(toFinding),
        ...remarks,
        { status: "skipped", title: "all else", detail: rest },
      ],
    };
  }
}

/** A problem says what is wrong and, behind a semicolon, how to fix it. */
function toFinding(problem: string): CheckResult {
  const [detail = problem, fix = "change it in .env or in the environment"] =
    problem.split(/; (?=\w+ )/);
  return { status: "fail", title: "settings", detail, fix };
}

/** Says whether this Deno, e.g. `2.9.6`, is one that Parley runs on: 2.5 or newer. */
export function checkDeno(version: string): CheckResult {
  const title = "Deno";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 2 || (major === 2 && minor >= 5)) {
    return { status: "ok", title, detail: version };
  }
  const detail = `${version} is too old: Parley needs 2.5 or newer`;
  const fix = "deno upgrade, or npx -y deno instead of deno";
  return { status: "fail", title, detail, fix };
}

/** Where the server is to listen. */
export type Address = Pick<Config, "port" | "hostname">;

/** Says whether the server's address can be listened on, or who has it. */
export async function checkPort(address: Address): Promise<CheckResult> {
  const { port, hostname } = address;
  const title = "port";
  // Some systems let two listen on one port, so a running server is asked first.
  const running = await findRunning(address);
  if (running) return { status: "ok", title, detail: running };
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
        "HOST must be an address of this machine (127.0.0.1 for it alone, " +
        "0.0.0.0 for all it has), and PORT one that this user may have",
      ];
    return { status: "fail", title, detail, fix };
  }
}

/** A server on this machine that hangs must not hold up the rest. */
const HEALTH_TIMEOUT_MS = 1_500;

/** Asks the server that the settings describe; `undefined` where there is none, or it isn't Parley. */
async function findRunning(address: Address): Promise<string | undefined> {
  try {
    const response = await fetch(`${toServerUrl(address)}/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    const { version, provider, model } = await response.json();
    return version && provider && model
      ? `Parley ${version} is running here (${provider}, ${model})`
      : undefined;
  } catch {
    // Nothing is there, or nothing that answers as Parley does.
    return undefined;
  }
}

/** Looks at something. The signal is aborted when the time is up. */
export type Check = (signal: AbortSignal) => Promise<CheckResult[]>;

/** A turn: a model may take as long as it is given. */
const TURN_TIMEOUT_MS = 30_000;

/**
 * What depends on the settings, in the order that it is told of, by what it is
 * called where a fault leaves nothing else to say.
 *
 * @param publicUrl the webhook's public address, to have a turn through it
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

/** Makes checks all at once, and tells what each found in their order. */
export async function* runChecks(
  checks: Readonly<Record<string, Check>>,
  timeoutMs = TIMEOUT_MS,
): AsyncGenerator<CheckResult[], void> {
  yield* Object.entries(checks).map(async ([title, look]) => {
    try {
      return await look(AbortSignal.timeout(timeoutMs));
    } catch (error) {
      // A part that can't even tell what is wrong with it must not end the others.
      const detail = `can't be looked at: ${explain(error)}`;
      return [{ status: "fail", title, detail } as const];
    }
  });
}
