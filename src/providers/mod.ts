/**
 * The providers, by the name that `LLM_PROVIDER` gives them, and the choice
 * between them. A new one is a file beside this one and an entry in
 * {@linkcode PROVIDERS}.
 *
 * @module
 */
import { createLog, explain, type Log } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import { type Found, readValues, type Setting } from "../settings/setting.ts";
import { findings } from "./_diagnosis.ts";
import { findNamed } from "./_named.ts";
import { echo } from "./echo.ts";
import { createFailover } from "./failover.ts";
import { gemini } from "./gemini.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import { prepare } from "./prepare.ts";
import type { Provider } from "./provider.ts";
import type { ProviderSettings } from "./settings.ts";
import { createStandIn } from "./stand_in.ts";
import type { Vendor } from "./vendor.ts";

export { prepare } from "./prepare.ts";

/** Every vendor, the preferred first: where several are set up, that one is asked. */
export const PROVIDERS = { gemini, ollama, openai, echo };

/** The name of a provider. */
export type ProviderName = keyof typeof PROVIDERS;

/** What was found of each vendor's settings. */
export type VendorValues = {
  [Name in ProviderName]: Found<typeof PROVIDERS[Name]["settings"]>;
};

const VENDORS: Record<ProviderName, Vendor> = PROVIDERS;
// Its keys are its names.
const NAMES = Object.keys(PROVIDERS) as ProviderName[];

/** Every setting of every vendor. */
export function vendorSettings(): Setting<unknown>[] {
  return NAMES.flatMap((name) => Object.values(VENDORS[name].settings));
}

/** What the settings say of providers. */
export interface ProviderConfig {
  /** In order of preference. Empty: the settings name none. */
  providers: ProviderName[];
  /** The variable that named them. */
  providersNamedBy?: string;
  /** Each vendor's own settings. Those that {@linkcode ProviderConfig.providers} names have all they need. */
  vendors: VendorValues;
}

/** What providers are made of. */
export interface ProviderParts extends ProviderConfig, ProviderSettings {
  /** How large the model's window is. */
  agent: { contextTokens: number };
}

/**
 * Reads which providers are meant, and each vendor's settings.
 *
 * @param text a variable's text; `undefined` where it is unset or empty
 * @param problems takes what is wrong: which variable, and how to fix it
 */
export function readProviders(
  text: (env: string) => string | undefined,
  problems: string[],
): ProviderConfig {
  const [providers, namedBy] = findNamed(VENDORS, text, problems);
  const values = NAMES.map((name) => {
    const { settings, findProblem } = VENDORS[name];
    const why = namedBy === "LLM_PROVIDER"
      ? `LLM_PROVIDER names ${name}`
      : `${namedBy} is set`;
    const isMeant = providers.includes(name);
    const wanted = isMeant ? { wanted: why } : {};
    const found = readValues(settings, { text, problems, ...wanted });
    const problem = isMeant ? findProblem?.(found) : undefined;
    if (problem !== undefined) problems.push(problem);
    return [name, found];
  });
  return {
    providers,
    ...(namedBy === undefined ? {} : { providersNamedBy: namedBy }),
    // One of each vendor, made from its own settings just above.
    vendors: Object.fromEntries(values) as VendorValues,
  };
}

/** Makes the provider of this name. */
export function createProvider(
  name: ProviderName,
  { vendors, thinking, agent: { contextTokens } }: ProviderParts,
  log: Log,
): Provider {
  return VENDORS[name].create(vendors[name], { contextTokens, thinking, log });
}

/** Which providers answer, and why those. */
export interface Choice {
  /** In order of preference. */
  names: readonly ProviderName[];
  /** What decided, such as `OLLAMA_MODEL is set`. */
  why: string;
  /** Whether nothing else is there, so that the stand-in answers for now. */
  isStandIn?: boolean;
}

/**
 * Chooses, as the server does when it starts: those that the settings name,
 * present or not; where they name none, one that is there; else the stand-in.
 */
export async function choose(config: ProviderConfig): Promise<Choice> {
  const { providers: names, providersNamedBy: by, vendors } = config;
  if (names.length > 0) {
    return {
      names,
      why: `${by} ${by === "LLM_PROVIDER" ? "says so" : "is set"}`,
    };
  }
  return await findVendor(config) ?? {
    names: ["echo"],
    why: "the settings name no language model, and no Ollama answers at " +
      vendors.ollama.host,
    isStandIn: true,
  };
}

/** How long a vendor may take to show that it is there. A caller may wait for it. */
const LOOK_TIMEOUT_MS = 500;

async function findVendor(
  { vendors }: ProviderConfig,
): Promise<Choice | undefined> {
  for (const name of NAMES) {
    const signal = AbortSignal.timeout(LOOK_TIMEOUT_MS);
    const why = await VENDORS[name].find?.(vendors[name], signal);
    if (why !== undefined) return { names: [name], why };
  }
  return undefined;
}

/** Waits are measured by this and not by the time of day, which jumps. */
const now = () => performance.now();

/**
 * Makes the chosen providers, as one. The stand-in gives way as soon as
 * another is there.
 */
export async function chooseProvider(
  config: ProviderParts,
  log: Log,
): Promise<Provider> {
  const { firstTokenTimeoutMs, stallTimeoutMs } = config;
  const join = (names: readonly ProviderName[]) =>
    createFailover(
      names.map((name) => createProvider(name, config, log)),
      { log, now, firstTokenTimeoutMs, stallTimeoutMs },
    );
  const { names, why, isStandIn } = await choose(config);
  if (!isStandIn) return join(names);
  log.warn("provider.stand_in", {
    message: "No language model: answers come from a stand-in that echoes, " +
      `since ${why}. Start Ollama, and it answers from the next turn on; or ` +
      "set GOOGLE_GENERATIVE_AI_API_KEY or OPENAI_API_KEY, and start again",
  });
  return createStandIn(join(names), {
    now,
    async find() {
      const found = await findVendor(config);
      if (found === undefined) return undefined;
      const provider = join(found.names);
      log.info("provider.found", {
        provider: provider.name,
        message: `From now on ${provider.name} answers, since ${found.why}`,
      });
      // The model is loaded; what it is to read comes with the first question.
      prepare(provider, { system: "", messages: [] }, log);
      return provider;
    },
  });
}

/**
 * Finds out for `doctor` which providers would answer, and whether they can.
 *
 * @param config the settings
 * @param context what else the vendors' diagnoses need
 */
export async function diagnoseProviders(
  config: ProviderParts,
  { toolCount, now, signal }: {
    toolCount: number;
    now: () => number;
    signal: AbortSignal;
  },
): Promise<Finding[]> {
  const { ok, warn } = findings("language model");
  const { names, why, isStandIn } = await choose(config);
  const { thinking, vendors, agent: { contextTokens } } = config;
  const log = createLog({ level: "error", format: "json", write() {} });
  const context = { contextTokens, thinking, log, toolCount, now, signal };
  const all = await Promise.all(
    names.filter((name) => name !== "echo").map(async (name) => {
      const { diagnose } = VENDORS[name];
      return diagnose
        ? await diagnose(vendors[name], context)
        : [await check(name, createProvider(name, config, log), signal)];
    }),
  );
  const choice = names[0] === "echo"
    ? warn(
      `only echo, a stand-in that repeats what it hears: ${why}`,
      isStandIn
        ? "start Ollama (ollama serve), which the server finds by itself, or set " +
          "GOOGLE_GENERATIVE_AI_API_KEY or OPENAI_API_KEY"
        : "set LLM_PROVIDER to another, or unset it",
    )
    : ok(`${names.join(", then ")}, since ${why}`);
  return [choice, ...all.flat()];
}

/** What a provider without a diagnosis of its own says of itself. */
async function check(
  name: ProviderName,
  provider: Provider,
  signal: AbortSignal,
): Promise<Finding> {
  const { ok, fail } = findings(name);
  try {
    await provider.check(signal);
    return ok(`${provider.model} answers`);
  } catch (error) {
    return fail(explain(error), `check the settings of ${name}`);
  }
}
