/**
 * What a provider's file declares: which settings it has, and how a provider is
 * made of them. Everything else follows from the declaration: what
 * `LLM_PROVIDER` may name, what stops the start, and which values are hidden.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { CheckResult } from "../settings/check_result.ts";
import type {
  CompleteValues,
  Settings,
  SettingValues,
} from "../settings/setting.ts";
import type { Provider, Thinking } from "./provider.ts";

/** A vendor of language models, or what takes the place of one. */
export interface Vendor<S extends Settings = Settings> {
  /** What it can be told. */
  readonly settings: S;
  /** Makes the provider. Nothing is asked of the vendor yet. */
  create(values: CompleteValues<S>, context: VendorContext): VendorProvider;
  /** Says which variable is wrong and how to fix it, where settings are right one by one and wrong together. */
  findProblem?(values: SettingValues<S>): string | undefined;
}

/** What a provider is given besides its own settings. */
export interface VendorContext {
  /** How many tokens the prompt, the history and the answer may have together. */
  contextTokens: number;
  /** How much the model thinks before it speaks. */
  thinking: Thinking;
  /** Takes what an owner should know of the vendor. */
  log: Log;
}

/** A provider, and what `doctor` alone asks of it. */
export interface VendorProvider extends Provider {
  /** What isn't wise about its settings, known without asking: the log of a start says so as well. */
  readonly warnings?: readonly Diagnosis[];
  /**
   * Finds out whether the vendor would answer, and well, without spending
   * tokens. What it throws is found as well. Absent: `doctor` asks
   * {@linkcode Provider.check}.
   */
  diagnose?(toolCount: number, signal: AbortSignal): Promise<Diagnosis[]>;
}

/** What is found of a vendor, whose name is the title. */
export type Diagnosis = Omit<CheckResult, "title">;

/** An API key, which is sent as a header. */
export const apiKey = {
  parse(text: string): string {
    if (/^[\x21-\x7e]+$/.test(text) && !/["'`]/.test(text)) return text;
    throw new TypeError("Not a key");
  },
  expected: "a key as its maker shows it, without white space or quotes",
};
