/**
 * What a provider's file declares: which settings it has, how a provider is
 * made of them, and what `doctor` can find out about it. Everything else
 * follows from the declaration: what `LLM_PROVIDER` may name, what stops the
 * start, and which values are hidden.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import type { Found, Settings, Values } from "../settings/setting.ts";
import type { Provider, Thinking } from "./provider.ts";

/** What a provider is given besides its own settings. */
export interface VendorContext {
  /** How many tokens the prompt, the history and the answer may have together. */
  contextTokens: number;
  /** How much the model thinks before it speaks. */
  thinking: Thinking;
  /** Takes what an owner should know of the vendor. */
  log: Log;
}

/** What a diagnosis is given besides the vendor's own settings. */
export interface DiagnosisContext extends VendorContext {
  /** How many tools the agent has. */
  toolCount: number;
  /** The time in milliseconds since 1970. */
  now: () => number;
  /** Aborted when the time of the diagnosis is up. */
  signal: AbortSignal;
}

/** A vendor of language models, or what takes the place of one. */
export interface Vendor<S extends Settings = Settings> {
  /** What it can be told. */
  readonly settings: S;
  /** Makes the provider. Nothing is asked of the vendor yet. */
  create(values: Values<S>, context: VendorContext): Provider;
  /**
   * Looks for what is wrong with settings that are right one by one.
   *
   * @returns which variable, what is wrong and how to fix it
   */
  findProblem?(values: Found<S>): string | undefined;
  /**
   * Looks whether the vendor is there although nobody named it. Absent: it must
   * be named.
   *
   * @returns how that is known, such as `it answers at …`; `undefined` where it isn't there
   */
  find?(values: Found<S>, signal: AbortSignal): Promise<string | undefined>;
  /**
   * Finds out for `doctor` whether the vendor would answer, and well, without
   * spending tokens. Absent: `doctor` asks {@linkcode Provider.check}.
   */
  diagnose?(values: Found<S>, context: DiagnosisContext): Promise<Finding[]>;
}

/**
 * Reads an API key.
 *
 * @throws {TypeError} when it can't be sent as a header, as no key is made
 */
export function toKey(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text) && !/["'`]/.test(text)) return text;
  throw new TypeError("Not a key");
}
