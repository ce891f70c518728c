/**
 * The providers, by the name that `LLM_PROVIDER` gives them, and the choice
 * between them. A new one is a file beside this one and an entry in
 * {@linkcode PROVIDERS}.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import { gemini } from "./_gemini_vendor.ts";
import { ollama } from "./_ollama_vendor.ts";
import { echo } from "./echo.ts";
import { createFailover } from "./failover.ts";
import type { PromptBeginning, Provider } from "./provider.ts";
import { createStandIn } from "./stand_in.ts";
import { type Found, readValues, type Setting } from "../settings/setting.ts";
import type { ProviderSettings } from "./settings.ts";
import type { Vendor } from "./vendor.ts";

/** Every vendor, the preferred first: where several are set up, that one is asked. */
export const PROVIDERS = { gemini, ollama, echo };

/** The name of a provider. */
export type ProviderName = keyof typeof PROVIDERS;

/** What was found of each vendor's settings. */
export type VendorValues = {
  [Name in ProviderName]: Found<typeof PROVIDERS[Name]["settings"]>;
};

const VENDORS: Record<ProviderName, Vendor> = PROVIDERS;
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
 * @param problems takes what is wrong: which variable, and how to mend it
 */
export function readProviders(
  text: (env: string) => string | undefined,
  problems: string[],
): ProviderConfig {
  const [providers, providersNamedBy] = findNamed(text, problems);
  const why = providersNamedBy === "LLM_PROVIDER"
    ? (name: string) => `LLM_PROVIDER names ${name}`
    : () => `${providersNamedBy} is set`;
  const vendors = Object.fromEntries(
    NAMES.map((name) => {
      const wanted = providers.includes(name) ? { wanted: why(name) } : {};
      const { settings } = VENDORS[name];
      return [name, readValues(settings, { text, problems, ...wanted })];
    }),
  ) as VendorValues;
  return {
    providers,
    ...(providersNamedBy === undefined ? {} : { providersNamedBy }),
    vendors,
  };
}

/** Those that `LLM_PROVIDER` names, else the first that one of its own settings does. */
function findNamed(
  text: (env: string) => string | undefined,
  problems: string[],
): [names: ProviderName[], by?: string] {
  const list = text("LLM_PROVIDER");
  if (list !== undefined) {
    const words = new Set(list.split(",").map((word) => word.trim()));
    const names: ProviderName[] = [];
    for (const word of words) {
      const name = NAMES.find((name) => name === word);
      if (name !== undefined) {
        names.push(name);
        continue;
      }
      problems.push(
        word === ""
          ? "LLM_PROVIDER: has an empty entry; remove the comma too many"
          : `LLM_PROVIDER: "${word}" is not one of ${NAMES.join(", ")}; ` +
            "name one of them, several with commas between, or unset it",
      );
    }
    return [names, "LLM_PROVIDER"];
  }
  for (const name of NAMES) {
    for (const { env, selects } of Object.values(VENDORS[name].settings)) {
      if (selects && text(env) !== undefined) return [[name], env];
    }
  }
  return [[]];
}

/** Makes the provider of this name. */
export function createProvider(
  name: ProviderName,
  config: ProviderParts,
  log: Log,
): Provider {
  const { vendors, thinking, agent: { contextTokens } } = config;
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
  const { providers: names, providersNamedBy } = config;
  if (names.length > 0) {
    const why = providersNamedBy === "LLM_PROVIDER" ? "says so" : "is set";
    return { names, why: `${providersNamedBy} ${why}` };
  }
  return await findVendor(config) ?? {
    names: ["echo"],
    why: "the settings name no language model, and no Ollama answers at " +
      config.vendors.ollama.host,
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
      { log, now: Date.now, firstTokenTimeoutMs, stallTimeoutMs },
    );
  const { names, why, isStandIn } = await choose(config);
  if (!isStandIn) return join(names);
  log.warn("provider.stand_in", {
    message: "No language model: answers come from a stand-in that echoes, " +
      `since ${why}. Start Ollama, and it answers from the next turn on; or ` +
      "set GOOGLE_GENERATIVE_AI_API_KEY, and start again",
  });
  return createStandIn(join(names), {
    now: Date.now,
    async find() {
      const found = await findVendor(config);
      if (found === undefined) return undefined;
      const provider = join(found.names);
      log.info("provider.found", {
        provider: provider.name,
        message: `From now on ${provider.name} answers, since ${found.why}`,
      });
      prepare(provider, NOTHING_YET, log);
      return provider;
    },
  });
}

/**
 * Makes a provider ready in the background, with word in the log of how it
 * goes. A caller who comes before waits for the rest of it.
 */
export async function prepare(
  provider: Provider,
  beginning: PromptBeginning,
  log: Log,
): Promise<void> {
  if (provider.prepare === undefined) return;
  const { name } = provider;
  const startedAt = Date.now();
  log.info("provider.preparing", { provider: name });
  try {
    const signal = AbortSignal.timeout(PREPARE_TIMEOUT_MS);
    await provider.prepare(signal, beginning);
    const { model } = provider;
    const tookMs = Date.now() - startedAt;
    log.info("provider.ready", { provider: name, model, tookMs });
  } catch (error) {
    log.error("provider.not_ready", { provider: name, error });
  }
}

/** What a model that has only to be loaded reads. */
const NOTHING_YET: PromptBeginning = { system: "", messages: [] };

/** How long a model may take to load; large ones come from slow disks. */
const PREPARE_TIMEOUT_MS = 10 * 60_000;
