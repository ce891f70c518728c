/**
 * What `deno task doctor` looks at: every part is asked about itself, all at
 * once, each for a bounded time.
 *
 * @module
 */
import { diagnose as diagnoseLayercode } from "../../platforms/layercode/diagnosis.ts";
import { diagnose as diagnoseOpenAi } from "../../platforms/openai/diagnosis.ts";
import { diagnoseProviders } from "../../providers/choice.ts";
import { createLog, explain } from "../../server/log.ts";
import {
  createStore,
  diagnoseStore,
  findPlainText,
} from "../../sessions/mod.ts";
import { type Config, readConfig } from "../../settings/config.ts";
import type { Environment } from "../../settings/environment.ts";
import type { Finding } from "../../settings/finding.ts";
import { SettingError } from "../../settings/setting.ts";
import { toLocalUrl } from "../_terminal.ts";
import { checkPort } from "./machine.ts";
import { checkPublicUrl } from "./public_url.ts";

/** Reads the settings of an environment, as far as they can be used. */
export function readSettings(
  { env, problems }: Environment,
): { config?: Config; findings: Finding[] } {
  try {
    const config = readConfig(env, { problems });
    const detail = "can be used";
    return { config, findings: [{ status: "ok", title: "settings", detail }] };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    const rest = "not looked at, since settings can't be used";
    return {
      findings: [
        ...error.problems.map(toFinding),
        { status: "skipped", title: "all else", detail: rest },
      ],
    };
  }
}

/** A problem says what is wrong and, behind a semicolon, how to fix it. */
function toFinding(problem: string): Finding {
  const [detail = problem, fix = "change it in .env or in the environment"] =
    problem.split(/; (?=\w+ )/);
  return { status: "fail", title: "settings", detail, fix };
}

/** Looks at something. The signal is aborted when the time is up. */
export type Look = (signal: AbortSignal) => Promise<Finding[]>;

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
): Record<string, Look> {
  const quiet = createLog({ level: "error", format: "json", write() {} });
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
      const url = publicUrl ?? new URL(toLocalUrl(config));
      return diagnoseOpenAi({ ...openai, url, isPublic }, signal);
    },
    "public URL": () =>
      checkPublicUrl(publicUrl, config, AbortSignal.timeout(TURN_TIMEOUT_MS)),
  };
}

const TIMEOUT_MS = 6_000;

/** Makes checks all at once, and tells what each found in their order. */
export async function* runChecks(
  checks: Readonly<Record<string, Look>>,
  timeoutMs = TIMEOUT_MS,
): AsyncGenerator<Finding[], void> {
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
