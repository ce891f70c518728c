/**
 * All settings: what the rooms declare, read from a record of strings into one
 * {@linkcode Config}, or everything that is wrong with them at once. No room
 * imports this file; `main.ts` and the commands hand each room its part.
 *
 * @module
 */
import { agentSettings } from "../agent/settings.ts";
import { conversationSettings } from "../conversation/settings.ts";
import type { Agent } from "../conversation/turn.ts";
import {
  type LayercodeSettings,
  layercodeSettings,
  webhookSettings,
} from "../platforms/layercode/settings.ts";
import {
  type OpenAiSettings,
  openaiSettings,
} from "../platforms/openai/settings.ts";
import {
  type ProviderParts,
  PROVIDERS,
  readProviders,
  vendorSettings,
} from "../providers/mod.ts";
import { providerSettings, toChoice } from "../providers/settings.ts";
import type { LogOptions } from "../server/log.ts";
import {
  logSettings,
  type ServerSettings,
  serverSettings,
} from "../server/settings.ts";
import {
  engineSettings,
  type SessionSettings,
  sessionSettings,
} from "../sessions/settings.ts";
import { type WebSettings, webSettings } from "../web/settings.ts";
import { readEnvironment } from "./environment.ts";
import {
  readValues,
  type Setting,
  SettingError,
  type Settings,
  type SettingValues,
} from "./setting.ts";

/** Every setting, under the headings that owners are shown them. */
export const GROUPS: Readonly<Record<string, readonly Setting<unknown>[]>> = {
  "The server and its log": list(serverSettings, logSettings),
  "Layercode": list(webhookSettings, layercodeSettings),
  "Other voice platforms": list(openaiSettings),
  "The language model": [
    toChoice(Object.keys(PROVIDERS)),
    ...vendorSettings(),
    ...list(providerSettings),
  ],
  "The conversation": list(conversationSettings),
  "What the agent says": list(agentSettings),
  "Kept conversations": [...list(sessionSettings), ...engineSettings],
  "The pages": list(webSettings),
};

/** Every setting. */
export const SETTINGS: readonly Setting<unknown>[] = Object.values(GROUPS)
  .flat();

const MAY_BE_EMPTY = new Set(
  SETTINGS.filter(({ mayBeEmpty }) => mayBeEmpty).map(({ env }) => env),
);

function list(...rooms: Settings[]): Setting<unknown>[] {
  return rooms.flatMap((settings) => Object.values(settings));
}

/** All that can be set, checked. */
export interface Config
  extends ServerSettings, ProviderParts, SessionSettings, WebSettings {
  /** The address to listen on; `0.0.0.0` is every interface. */
  hostname: string;
  /** Whether this runs where no file outlives the process: Deno Deploy. */
  isDeploy: boolean;
  /** Empty: one is made and kept in {@linkcode Config.dataDir}. */
  webhookSecrets: string[];
  /** For `/authorize`, which refuses without the key; without the agent, the browser names it. */
  layercode: LayercodeSettings;
  /** For platforms that ask as they would ask OpenAI; without keys none may. */
  openai: OpenAiSettings;
  /** What the agent is and says, and how large its model's window is. */
  agent: Agent;
  /** Whether `/` is the page for trying the agent. */
  playground: boolean;
  /** Variables of `.env` that are no settings. */
  unknown: readonly string[];
  /** What is logged, and how. */
  log: Required<Pick<LogOptions, "level" | "format">>;
}

/**
 * Reads the settings of this process: its environment, `.env` and
 * `layercode.config.json`. Those of the agent are then in the environment
 * wherever they stood, for the owner's tools to read.
 *
 * @throws {SettingError} that lists all that is wrong
 */
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

/**
 * Reads the settings. A variable that is set to nothing counts as unset, unless
 * its declaration says that nothing means something.
 *
 * @param more what is wrong with files that settings may be in, which of their
 * variables are no settings, and whether a person reads the log; default:
 * nothing, none, and a program
 * @throws {SettingError} that lists all that is wrong
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  more: {
    problems?: readonly string[];
    unknown?: readonly string[];
    isTerminal?: boolean;
  } = {},
): Config {
  const problems = [...more.problems ?? []];
  function text(name: string): string | undefined {
    const value = env[name]?.trim();
    return value === "" && !MAY_BE_EMPTY.has(name) ? undefined : value;
  }
  function read<S extends Settings>(settings: S): SettingValues<S> {
    return readValues(settings, { text, problems });
  }

  const server = read(serverSettings);
  const { webhookSecrets = [] } = read(webhookSettings);
  const web = read(webSettings);
  const log = read(logSettings);
  const hasSecret = webhookSecrets.length > 0;
  const isDeploy = (server.deployed ?? server.deploymentId) !== undefined;
  const config: Config = {
    ...server,
    hostname: server.hostname ??
      (hasSecret || isDeploy ? "0.0.0.0" : "127.0.0.1"),
    isDeploy,
    webhookSecrets,
    layercode: read(layercodeSettings),
    openai: read(openaiSettings),
    ...readProviders(text, problems),
    ...read(providerSettings),
    agent: { ...read(conversationSettings), ...read(agentSettings) },
    ...read(sessionSettings),
    ...web,
    playground: web.playground ?? !hasSecret,
    unknown: more.unknown ?? [],
    log: {
      ...log,
      format: log.format ?? (more.isTerminal ? "pretty" : "json"),
    },
  };
  if (problems.length > 0) throw new SettingError(problems);
  return config;
}
