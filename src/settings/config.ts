/**
 * Settings: one function reads a record of strings and makes a
 * {@linkcode Config} of it, or says everything that is wrong with it at once.
 * The README's table and `.env.example` describe each setting.
 *
 * @module
 */
import {
  CODE_MESSAGE,
  ERROR_MESSAGE,
  FILLER_MESSAGE,
  SYSTEM_PROMPT,
  TOOL_FILLER_MESSAGE,
  WELCOME_BACK_MESSAGE,
  WELCOME_MESSAGE,
} from "../agent/prompt.ts";
import { toHttpUrl, toOrigin } from "../server/addresses.ts";
import type { Agent } from "../conversation/turn.ts";
import { readLayercodeConfig } from "./layercode_config.ts";
import { LOG_LEVELS, type LogLevel } from "../server/log.ts";
import {
  type ProviderName,
  readProviders,
  type VendorValues,
} from "../providers/mod.ts";
import { THINKING, type Thinking } from "../providers/provider.ts";
import { readStore, type StoreChoice } from "../sessions/choice.ts";

/** All that can be set, checked. */
export interface Config {
  /** 0: any that is free. */
  port: number;
  /** The address to listen on; `0.0.0.0` is every interface. */
  hostname: string;
  /** The only folder that is written. */
  dataDir: string;
  /** Empty: one is made and kept in {@linkcode Config.dataDir}. */
  webhookSecrets: string[];
  /** For `/authorize`, which refuses without the key; without the agent, the browser names it. */
  layercode: { apiKey?: string; agentId?: string; apiUrl: string };
  /** Where the voice page's SDK is fetched. Deno reads the same variable for packages. */
  npmRegistry: string;
  /** In order of preference. Empty: the settings name none. */
  providers: ProviderName[];
  /** The variable that named them. */
  providersNamedBy?: string;
  /** Each vendor's own settings. Those that {@linkcode Config.providers} names have all they need. */
  vendors: VendorValues;
  /** What the agent is and says, and how large its model's window is. */
  agent: Agent;
  /** How much a model thinks before it speaks. */
  thinking: Thinking;
  /** How long a provider may take to its first words, in milliseconds. */
  firstTokenTimeoutMs: number;
  /** How long it may be silent after that, in milliseconds. */
  stallTimeoutMs: number;
  /** Where conversations are kept. */
  sessionStore: StoreChoice;
  /** How long a conversation is kept after its last word, in days. 0: for good. */
  sessionTtlDays: number;
  /** How much memory conversations may take that stay there, in MB. */
  cacheMb: number;
  /** Whether this runs where no file outlives the process: Deno Deploy. */
  isDeploy: boolean;
  /** Origins, or `*`. */
  allowedOrigins: string[];
  /** Bearer token of the `/sessions` API, which isn't there without. */
  adminToken?: string;
  /** Whether `/` is the page for trying the agent. */
  playground: boolean;
  /** Lets others than this machine have the pages. Without this, one is made at each start. */
  playgroundToken?: string;
  /** The least serious level that is written; `json` for machines, `pretty` for people. */
  log: { level: LogLevel; format: "json" | "pretty" };
}

/** Everything that is wrong with the settings. */
export class ConfigError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "ConfigError";

  /**
   * Puts the problems into one message, a line each.
   *
   * @param problems each says which setting, what is wrong and how to mend it
   */
  constructor(readonly problems: readonly string[]) {
    super(
      `Cannot start: ${problems.length} setting(s) can't be used\n` +
        problems.map((problem) => `  - ${problem}`).join("\n"),
    );
  }
}

/** What there is besides the environment. */
export interface ConfigSources {
  /** The text of `layercode.config.json`, where there is one. */
  layercodeConfig?: string;
  /** Whether a person reads the log. */
  isTerminal?: boolean;
}

/**
 * Makes the settings of an environment. A variable that is set to nothing
 * counts as unset, except for `WELCOME_MESSAGE`, `WELCOME_BACK_MESSAGE` and
 * `CODE_MESSAGE` (and `welcome_message` of `layercode.config.json`), where it
 * means silence.
 *
 * @throws {ConfigError} that lists all that is wrong
 */
export function readConfig(
  env: Record<string, string | undefined>,
  sources: ConfigSources = {},
): Config {
  const problems: string[] = [];
  const file = readLayercodeConfig(sources.layercodeConfig, problems);

  function text(name: string): string | undefined {
    return env[name]?.trim() || undefined;
  }
  function list(name: string): string[] {
    return text(name)?.split(",").map((item) => item.trim()) ?? [];
  }
  function oneOf<T extends string>(
    name: string,
    allowed: readonly T[],
    fallback: T,
  ): T {
    const value = text(name) ?? fallback;
    const found = allowed.find((item) => item === value);
    if (found !== undefined) return found;
    problems.push(`${name}="${value}": must be one of ${allowed.join(", ")}`);
    return fallback;
  }
  /** Unlike the rest, this may be set to nothing. */
  function words(name: string, fallback: string): string {
    return (env[name] ?? fallback).trim();
  }
  function whole(
    name: string,
    fallback: number,
    least: number,
    most = LONGEST_TIMER_MS,
  ): number {
    const value = text(name) ?? `${fallback}`;
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    problems.push(
      `${name}="${value}": must be a whole number from ${least} to ${most}`,
    );
    return fallback;
  }
  function url(name: string, fallback: string): string {
    const value = text(name) ?? fallback;
    try {
      return toHttpUrl(value);
    } catch {
      // Not the value: an address may hold a password.
      problems.push(`${name}: must be an address such as ${fallback}`);
      return fallback;
    }
  }

  const webhookSecrets = list("LAYERCODE_WEBHOOK_SECRET");
  if (webhookSecrets.includes("")) {
    problems.push(
      "LAYERCODE_WEBHOOK_SECRET: has an empty entry; " +
        "remove the comma too many, or unset it to have a secret made",
    );
  }

  const dataDir = text("DATA_DIR") ?? "./data";
  const isDeploy = ["DENO_DEPLOY", "DENO_DEPLOYMENT_ID"].some(text);
  const sessionStore = readStore(text("SESSION_STORE"), dataDir, isDeploy);
  if (sessionStore === undefined) {
    problems.push(
      // Not the value: it may be a database's address with its password.
      "SESSION_STORE: must be file, kv, kv:<file or http address> or " +
        "postgres://<user>:<password>@<host>/<database>",
    );
  }

  const allowedOrigins = list("ALLOWED_ORIGINS");
  for (const origin of allowedOrigins) {
    const right = origin === "*" ? origin : toOrigin(origin);
    if (origin === right) continue;
    problems.push(
      `ALLOWED_ORIGINS: "${origin}" is not an origin` +
        (right === undefined
          ? " such as https://example.com"
          : ` (small letters, no path, no slash at the end); did you mean ${right}`),
    );
  }

  const playgroundToken = text("PLAYGROUND_TOKEN");
  if (playgroundToken && playgroundToken.length < LEAST_TOKEN_LENGTH) {
    problems.push(
      `PLAYGROUND_TOKEN: is shorter than ${LEAST_TOKEN_LENGTH} characters and could be guessed; ` +
        "make one with openssl rand -hex 24, or unset it to have one made at each start",
    );
  }

  const config: Config = {
    port: whole("PORT", 3000, 0, 65_535),
    hostname: text("HOST") ??
      (webhookSecrets.length > 0 || isDeploy ? "0.0.0.0" : "127.0.0.1"),
    dataDir,
    webhookSecrets,
    layercode: {
      ...given("apiKey", text("LAYERCODE_API_KEY")),
      ...given("agentId", text("LAYERCODE_AGENT_ID")),
      apiUrl: url("LAYERCODE_API_URL", "https://api.layercode.com"),
    },
    npmRegistry: url("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org"),
    ...readProviders(text, problems),
    agent: {
      systemPrompt: text("SYSTEM_PROMPT") ??
        (file.prompt?.trim() || SYSTEM_PROMPT),
      welcomeMessage: words(
        "WELCOME_MESSAGE",
        file.welcome_message ?? WELCOME_MESSAGE,
      ),
      welcomeBackMessage: words("WELCOME_BACK_MESSAGE", WELCOME_BACK_MESSAGE),
      errorMessage: text("ERROR_MESSAGE") ?? ERROR_MESSAGE,
      fillerMessages: (text("FILLER_MESSAGE") ?? FILLER_MESSAGE).split(";")
        .map((message) => message.trim()).filter((message) => message !== ""),
      fillerAfterMs: whole("FILLER_AFTER_MS", 2_500, 0),
      toolFillerMessage: text("TOOL_FILLER_MESSAGE") ?? TOOL_FILLER_MESSAGE,
      toolFillerAfterMs: whole("TOOL_FILLER_AFTER_MS", 800, 0),
      maxAnswerTokens: whole("MAX_ANSWER_TOKENS", 1_024, 1, 1_000_000),
      codeMessage: words("CODE_MESSAGE", CODE_MESSAGE),
      speechCleanup: oneOf("SPEECH_CLEANUP", ["on", "off"], "on") === "on",
      contextTokens: whole("CONTEXT_TOKENS", 8_192, 512),
    },
    thinking: oneOf("LLM_THINKING", THINKING, "off"),
    firstTokenTimeoutMs: whole("FIRST_TOKEN_TIMEOUT_MS", 10_000, 1),
    stallTimeoutMs: whole("STALL_TIMEOUT_MS", 8_000, 1),
    sessionStore: sessionStore ?? { type: "file" },
    sessionTtlDays: whole("SESSION_TTL_DAYS", 0, 0, 36_500),
    cacheMb: whole("CACHE_MB", 64, 1),
    isDeploy,
    allowedOrigins,
    ...given("adminToken", text("ADMIN_TOKEN")),
    playground: oneOf(
      "PLAYGROUND",
      ["on", "off"],
      webhookSecrets.length > 0 ? "off" : "on",
    ) === "on",
    ...given("playgroundToken", playgroundToken),
    log: {
      level: oneOf("LOG_LEVEL", LOG_LEVELS, "info"),
      format: oneOf(
        "LOG_FORMAT",
        ["json", "pretty"],
        sources.isTerminal ? "pretty" : "json",
      ),
    },
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The fewest characters of a token that strangers may try to guess. */
const LEAST_TOKEN_LENGTH = 16;

/** A timer for longer would ring at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A property, or nothing where it has no value. */
function given<K extends string>(
  key: K,
  value: string | undefined,
): { [P in K]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: string };
}
