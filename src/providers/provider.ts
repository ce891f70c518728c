/**
 * What a language model is to the rest of Parley: something that takes a
 * conversation and streams back parts of an answer. How one vendor is reached
 * lives in that vendor's file beside this one, and nowhere else.
 *
 * @module
 */

/** One message of the conversation that the model is shown. */
export interface Message {
  role: "user" | "assistant";
  text: string;
}

/** A tool that the model may call. Nothing declares any yet. */
export interface ToolDeclaration {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  parameters: Record<string, unknown>;
}

/** One question to a model. */
export interface ProviderRequest {
  /** The system prompt; never dropped, never part of {@linkcode messages}. */
  system: string;
  /** Oldest first. May begin with the assistant (the welcome). */
  messages: readonly Message[];
  tools?: readonly ToolDeclaration[];
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/** Tokens that the vendor counted, where it says so. */
export interface Usage {
  inputTokens?: number;
  outputTokens?: number;
}

/** One piece of a model's answer. */
export type ProviderPart =
  /** Who answers, just before the first words. Sent where several might. */
  | { type: "response-start"; provider: string; model: string }
  | { type: "text-delta"; text: string }
  | { type: "finish"; usage: Usage };

/** A language model that can be asked. */
export interface Provider {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly name: string;
  /** The model in use. */
  readonly model: string;
  /**
   * Asks the model. The iterable ends after one `finish` part; it throws the
   * signal's reason when the signal is aborted, and otherwise only
   * {@linkcode ProviderError}. An answer without a single character of text
   * is such an error too: silence is never an answer.
   */
  stream(request: ProviderRequest): AsyncIterable<ProviderPart>;
  /**
   * Resolves when the vendor answers, without spending tokens.
   *
   * @throws {ProviderError} when it does not
   */
  check(signal: AbortSignal): Promise<void>;
}

/** What is known of a vendor's failure. */
export interface ProviderErrorOptions {
  provider: string;
  /** HTTP status, where there was one. */
  status?: number;
  /** Whether the same question may succeed if asked again. */
  retryable: boolean;
  cause?: unknown;
}

/** A vendor's failure, whatever its SDK called it. For the log, never for a caller. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly provider: string;
  readonly status: number | undefined;
  readonly retryable: boolean;

  constructor(message: string, options: ProviderErrorOptions) {
    super(message, { cause: options.cause });
    this.provider = options.provider;
    this.status = options.status;
    this.retryable = options.retryable;
  }
}

/** Whether a failure with this HTTP status may pass by itself. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
