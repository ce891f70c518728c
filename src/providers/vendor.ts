/**
 * What a provider's file declares: which settings it has, and how a provider
 * is made of them. Everything else follows from the declaration: what
 * `LLM_PROVIDER` may name, what stops the start, what `doctor` looks at and
 * which values it hides.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { Found, Settings, Values } from "../settings/setting.ts";
import type { Provider, Thinking } from "./provider.ts";

/** What a provider is given besides its own settings. */
export interface VendorContext {
  /** How many tokens the prompt, the history and the answer may have together. */
  contextTokens: number;
  /** How much the model thinks before it speaks. */
  thinking: Thinking;
  /** Told what an owner should know of the vendor. */
  log: Log;
}

/** A vendor of language models, or what takes the place of one. */
export interface Vendor<S extends Settings = Settings> {
  /** What it can be told. */
  readonly settings: S;
  /** Makes the provider. Nothing is asked of the vendor yet. */
  create(values: Values<S>, context: VendorContext): Provider;
  /**
   * Whether it is there although nobody named it. Absent: it must be named.
   *
   * @returns how that is known, such as `it answers at …`; `undefined` where it isn't there
   */
  find?(values: Found<S>, signal: AbortSignal): Promise<string | undefined>;
}
