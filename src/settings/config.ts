/**
 * All settings that the rooms declare, parsed from a record of strings into one
 * {@linkcode Config}. An error lists every problem at once. No room imports this
 * file; `main.ts` and the commands pass each room its part.
 *
 * @module
 */
import { agentSettings } from "../agent/prompt.ts";
import { conversationSettings } from "../conversation/settings.ts";
import {
  layercodeSettings,
  webhookSettings,
} from "../platforms/layercode/settings.ts";
import { openaiSettings } from "../platforms/openai/settings.ts";
import { readProviders, vendorSettings } from "../providers/mod.ts";
import { providerSettings } from "../providers/settings.ts";
import { logSettings, serverSettings } from "../server/settings.ts";
import { engineSettings, sessionSettings } from "../sessions/settings.ts";
import { webSettings } from "../web/settings.ts";
import { readEnvironment } from "./environment.ts";
import {
  type ReadOptions,
  readValues,
  type Setting,
  SettingError,
  type Settings,
} from "./setting.ts";

/** Every setting, under the headings of `.env.example` and `docs/settings.md`. */
export const GROUPS: Readonly<Record<string, readonly Setting<unknown>[]>> = {
  "The server and its log": list(serverSettings, logSettings),
  "Layercode": list(webhookSettings, layercodeSettings),
  "Other voice platforms": list(openaiSettings),
  "The language model": [...vendorSettings, ...list(providerSettings)],
  "The conversation": list(conversationSettings),
  "What the agent says": list(agentSettings),
  "Kept conversations": [...list(sessionSettings), ...engineSettings],
  "The pages": list(webSettings),
};

/** Every setting. */
export const SETTINGS: readonly Setting<unknown>[] = Object.values(GROUPS)
  .flat();

function list(...rooms: Settings[]): Setting<unknown>[] {
  return rooms.flatMap((settings) => Object.values(settings));
}

/** The values of all settings, checked. */
export type Config = ReturnType<typeof readAll>;

/** Reads the settings of this process. Those of the agent are also copied into the environment, where the owner's tools read them. */
export async function loadConfig(
  real: Pick<Deno.Env, "get" | "set">,
): Promise<Config> {
  const { env, ...more } = await readEnvironment(real, SETTINGS);
  for (const { env: name } of list(agentSettings)) {
    const value = env[name];
    if (value !== undefined && !real.get(name)) real.set(name, value);
  }
  return readConfig(env, { ...more, isTerminal: Deno.stdout.isTerminal() });
}

/** Parses the settings, as {@linkcode readEnvironment} returns them. Throws a {@linkcode SettingError} that lists every problem. */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  more: {
    problems?: readonly string[];
    unknown?: readonly string[];
    isTerminal?: boolean;
  } = {},
): Config {
  const { unknown = [], isTerminal = false } = more;
  const problems = [...more.problems ?? []];
  const text = (name: string) => env[name]?.trim();
  const config = readAll({ text, problems }, unknown, isTerminal);
  if (problems.length > 0) throw new SettingError(problems);
  return config;
}

/**
 * Reads all settings.
 *
 * @internal
 */
export function readAll(
  sources: ReadOptions,
  unknown: readonly string[],
  isTerminal: boolean,
) {
  const read = <S extends Settings>(settings: S) =>
    readValues(settings, sources);
  const server = read(serverSettings);
  const { webhookSecrets = [] } = read(webhookSettings);
  const web = read(webSettings);
  const log = read(logSettings);
  const hasSecret = webhookSecrets.length > 0;
  const isDeploy = (server.deployed ?? server.deploymentId) !== undefined;
  return {
    ...server,
    hostname: server.hostname ??
      (hasSecret || isDeploy ? "0.0.0.0" : "127.0.0.1"),
    isDeploy,
    webhookSecrets,
    layercode: read(layercodeSettings),
    openai: read(openaiSettings),
    ...readProviders(sources.text, sources.problems),
    ...read(providerSettings),
    agent: { ...read(conversationSettings), ...read(agentSettings) },
    ...read(sessionSettings),
    ...web,
    playground: web.playground ?? !hasSecret,
    unknown,
    log: { ...log, format: log.format ?? (isTerminal ? "pretty" : "json") },
  };
}
