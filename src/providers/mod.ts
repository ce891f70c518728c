/**
 * The providers, by their names in `LLM_PROVIDER`, and their settings. To add
 * one, add a file beside this one and an entry in {@linkcode PROVIDERS}.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import {
  readValues,
  type Setting,
  type SettingValues,
} from "../settings/setting.ts";
import { echo } from "./echo.ts";
import { gemini } from "./gemini.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import type { ProviderSettings } from "./settings.ts";
import type { Vendor, VendorProvider } from "./vendor.ts";

/** Every vendor. Where several are set up, the first of them is used. */
export const PROVIDERS = { gemini, ollama, openai, echo };

/** The name of a provider. */
export type ProviderName = keyof typeof PROVIDERS;

const VENDORS: Record<ProviderName, Vendor> = PROVIDERS;
// `Object.keys` returns strings; these keys are the names.
const NAMES = Object.keys(PROVIDERS) as ProviderName[];

/** Chooses the vendors. Unset, a setting of a vendor may select it. */
const choice: Setting = {
  env: "LLM_PROVIDER",
  help: `Who answers: ${NAMES.map((name) => `\`${name}\``).join(", ")}. ` +
    "`echo` is a stand-in that repeats what it hears. Several, with commas " +
    "between them: where one fails, the next is asked.",
  secret: false,
  defaultNote: "the first that has a key or, for `ollama`, a model or an " +
    "address; else `ollama` if it answers, else `echo` until Ollama is there",
  example: "gemini",
};

/** The setting that chooses vendors, and the settings of all of them. */
export const vendorSettings: readonly Setting<unknown>[] = [
  choice,
  ...NAMES.flatMap((name) => Object.values(VENDORS[name].settings)),
];

/** The settings of providers. */
export interface ProviderConfig {
  /** The chosen providers, in order of preference. Empty: the settings choose none. */
  providers: ProviderName[];
  /** The variable that chose them. */
  providersNamedBy?: string;
  /** Each vendor's own settings, complete for those in {@linkcode ProviderConfig.providers}. */
  vendors: {
    [Name in ProviderName]: SettingValues<typeof PROVIDERS[Name]["settings"]>;
  };
}

/** Everything needed to create providers. */
export interface ProviderParts extends ProviderConfig, ProviderSettings {
  /** The size of the context window, in tokens. */
  agent: { contextTokens: number };
}

/** Reads which providers are chosen, and each vendor's settings. Adds mistakes to the problems, each with its fix. */
export function readProviders(
  text: (env: string) => string | undefined,
  problems: string[],
): ProviderConfig {
  const list = text(choice.env);
  const { names: providers, by } = list === undefined
    ? findSelected(text)
    : { names: readNames(list, problems), by: choice.env };
  const values = NAMES.map((name) => {
    const { settings, findProblem } = VENDORS[name];
    const found = readValues(settings, { text, problems });
    const problem = providers.includes(name) ? findProblem?.(found) : undefined;
    const [variable = ""] = problem?.split(" ") ?? [];
    // A value that can't be used is not missing as well.
    const isTold = problems.some((told) => told.startsWith(variable));
    if (problem !== undefined && !isTold) problems.push(problem);
    return [name, found];
  });
  return {
    providers,
    ...(by === undefined ? {} : { providersNamedBy: by }),
    // The entries above have one for each vendor, read from its own settings.
    vendors: Object.fromEntries(values) as ProviderConfig["vendors"],
  };
}

/** Finds the first provider that one of its own settings selects. */
function findSelected(
  text: (env: string) => string | undefined,
): { names: ProviderName[]; by?: string } {
  for (const name of NAMES) {
    const setting = Object.values(VENDORS[name].settings)
      .find(({ selects, env }) => selects && text(env) !== undefined);
    if (setting) return { names: [name], by: setting.env };
  }
  return { names: [] };
}

function readNames(list: string, problems: string[]): ProviderName[] {
  const words = new Set(list.split(",").map((word) => word.trim()));
  return [...words].flatMap((word) => {
    const name = NAMES.find((name) => name === word);
    if (name !== undefined) return [name];
    problems.push(
      `LLM_PROVIDER: "${word}" is not one of ${NAMES.join(", ")}; ` +
        "name one of them, several with commas between and no comma too many, " +
        "or unset it",
    );
    return [];
  });
}

/** Creates the provider of this name. */
export function createProvider(
  name: ProviderName,
  { vendors, thinking, agent: { contextTokens } }: ProviderParts,
  log: Log,
): VendorProvider {
  return VENDORS[name].create(vendors[name], { contextTokens, thinking, log });
}
