/**
 * What a vendor's file declares: its settings, and how a provider is created from
 * them. Everything else follows from the declaration: the names in
 * `LLM_PROVIDER`, and which values are secret.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { CheckResult } from "../settings/check_result.ts";
import type { Settings, SettingValues } from "../settings/setting.ts";
import type { Provider, Thinking } from "./provider.ts";

/** A vendor of language models, or the stand-in. */
export interface Vendor<S extends Settings = Settings> {
  /** The settings of this vendor. */
  readonly settings: S;
  /** Creates the provider, without a request to the vendor. */
  create(values: SettingValues<S>, context: VendorContext): VendorProvider;
  /** Finds what is missing or doesn't fit together, once the vendor is chosen: which variable is wrong, and how to fix it. */
  findProblem?(values: SettingValues<S>): string | undefined;
}

/** What a provider gets besides its own settings. */
export interface VendorContext {
  /** The most tokens of the prompt, the history and the answer together. */
  contextTokens: number;
  /** How much the model thinks before it speaks. */
  thinking: Thinking;
  /** The log, for what an owner should know. */
  log: Log;
}

/** A provider, with what only `doctor` and the start need. */
export interface VendorProvider extends Provider {
  /** Problems of the settings that are known without a request. They are also logged at the start. */
  readonly warnings?: readonly Diagnosis[];
  /**
   * Checks whether the vendor can answer, and what limits it, without spending
   * tokens. An error that it throws counts as a failed check. Absent: `doctor`
   * calls {@linkcode Provider.check}.
   */
  diagnose?(toolCount: number, signal: AbortSignal): Promise<Diagnosis[]>;
}

/** The result of one check. `doctor` adds the vendor's name as the title. */
export type Diagnosis = Omit<CheckResult, "title">;

/** The parser of API keys, which are sent in a header. */
export const apiKey = {
  parse(text: string): string {
    if (/^[\x21-\x7e]+$/.test(text) && !/["'`]/.test(text)) return text;
    throw new TypeError("Not a key");
  },
  expected: "a key as its maker shows it, without white space or quotes",
};
