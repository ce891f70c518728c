/**
 * What a language model is to the rest of Parley: something that takes a
 * conversation and streams parts of an answer. Everything specific to a vendor is
 * in that vendor's file beside this one.
 *
 * @module
 */

/** One message of the conversation, as the model gets it. */
export type Message =
  /** What the caller said. */
  | { role: "user"; text: string }
  /** What the agent said, and the tools that it called after it. */
  | {
    role: "assistant";
    text: string;
    calls?: readonly ToolCall[];
    providerMetadata?: ProviderMetadata;
  }
  /** What a tool returned: JSON, or any text of a platform's own tool. */
  | { role: "tool"; text: string; callId: string; name: string };

/** A model's request to call a tool. */
export interface ToolCall {
  /** Unique within its conversation. */
  id: string;
  /** The tool's name. */
  name: string;
  /** The arguments as the model wrote them; unchecked. */
  arguments: unknown;
}

/** An answer in its vendor's own format, for a vendor that needs it back unchanged. */
export interface ProviderMetadata {
  /** The vendor. Others ignore the metadata. */
  provider: string;
  /** The answer as JSON. */
  content: unknown;
}

/** A tool that the model may call. */
export interface ToolDeclaration {
  /** The name by which the model calls it. */
  name: string;
  /** What it does, and when to call it. */
  description: string;
  /** JSON Schema of the arguments. */
  parameters: Record<string, unknown>;
}

/** One request to a model. */
export interface ProviderRequest {
  /** The system prompt; never dropped, never part of {@linkcode messages}. */
  system: string;
  /** Oldest first. May begin with the assistant (the welcome). */
  messages: readonly Message[];
  /** The tools that the model may call. Absent: none. */
  tools?: readonly ToolDeclaration[];
  /** `none`: the model has called enough and must answer now. */
  toolChoice?: "none";
  /** The longest answer, in tokens. Thoughts are not counted. */
  maxTokens?: number;
  /** Aborted when the answer is no longer needed. */
  signal: AbortSignal;
}

/** The counts that the vendor reports. */
export interface Usage {
  /** Tokens of the system prompt and the messages. */
  inputTokens?: number;
  /** Tokens of those that were taken from the cache. */
  cachedTokens?: number;
  /** How long the model took to read the rest, in milliseconds. */
  promptMs?: number;
  /** Tokens of the answer. */
  outputTokens?: number;
}

/** One piece of a model's answer. */
export type ProviderPart =
  /** Names the provider that answers, just before the first words. Sent where there may be several. */
  | { type: "response-start"; provider: string; model: string }
  | { type: "text-delta"; text: string }
  | { type: "tool-call"; call: ToolCall }
  /**
   * The end. `providerMetadata` is present if there were calls and the vendor
   * needs it; `isCut` means that the answer reached
   * {@linkcode ProviderRequest.maxTokens}.
   */
  | {
    type: "finish";
    usage: Usage;
    providerMetadata?: ProviderMetadata;
    isCut?: boolean;
  };

/** The beginning of the prompt, which all requests of a conversation share. */
export type PromptBeginning = Pick<
  ProviderRequest,
  "system" | "messages" | "tools"
>;

/**
 * A language model.
 *
 * @example A model that answers in capitals
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const shout: Provider = {
 *   name: "shout",
 *   model: "shout",
 *   async *stream({ messages, signal }) {
 *     signal.throwIfAborted();
 *     const text = messages.at(-1)?.text ?? "Hello";
 *     yield { type: "text-delta", text: text.toUpperCase() };
 *     yield { type: "finish", usage: {} };
 *   },
 *   check: () => Promise.resolve(),
 * };
 *
 * const parts = await Array.fromAsync(shout.stream({
 *   system: "You shout.",
 *   messages: [{ role: "user", text: "Good morning" }],
 *   signal: AbortSignal.timeout(1_000),
 * }));
 * assertEquals(parts[0], { type: "text-delta", text: "GOOD MORNING" });
 * ```
 */
export interface Provider {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly name: string;
  /** The model in use. */
  readonly model: string;
  /**
   * Asks the model. The iterable ends after one `finish` part; it throws the
   * signal's reason when the signal is aborted, and otherwise only
   * {@linkcode ProviderError}. An answer with neither text nor a tool call is
   * such an error, too: silence is never an answer.
   */
  stream(request: ProviderRequest): AsyncIterable<ProviderPart>;
  /**
   * Resolves when the vendor answers, without spending tokens.
   *
   * @throws {ProviderError} when it does not
   */
  check(signal: AbortSignal): Promise<void>;
  /**
   * Does what the next answer would otherwise wait for: loads the model, and lets
   * it read the beginning of the prompt. Absent where there is nothing to do.
   *
   * @throws {ProviderError} when that fails
   */
  readonly prepare?:
    | ((signal: AbortSignal, beginning: PromptBeginning) => Promise<void>)
    | undefined;
  /**
   * Whether the vendor is still loading the model, so that its first words may
   * take longer. Absent where models are not loaded on demand. Never rejects.
   */
  readonly isLoading?: (signal: AbortSignal) => Promise<boolean>;
}

/** How much a model thinks before it speaks. `off` is as little as it can do. */
export const THINKING = ["off", "low", "medium", "high"] as const;

/** How much a model thinks before it speaks. */
export type Thinking = typeof THINKING[number];

/** What is known about a vendor's failure. */
export interface ProviderFault {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly provider: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The HTTP status, if there was one. */
  readonly status?: number | undefined;
  /** How long to wait before a retry, in milliseconds, if the vendor says so. */
  readonly retryAfterMs?: number | undefined;
  /** What an owner can do about it; appended to the message. */
  readonly fix?: string | undefined;
  /** The Ollama model that has to be pulled first. */
  readonly missingModel?: string | undefined;
}

/** The constructor assigns these fields. */
export interface ProviderError extends ProviderFault {}

/** A vendor's failure. Its message is for the log, never for a caller. */
export class ProviderError extends Error {
  /** The name in stack traces. */
  override readonly name = "ProviderError";

  /** Creates the error. The message says what was attempted, then what happened. */
  constructor(
    message: string,
    { cause, ...fault }: ProviderFault & ErrorOptions,
  ) {
    const { fix } = fault;
    super(fix === undefined ? message : `${message}; ${fix}`, { cause });
    Object.assign(this, fault);
  }
}

/**
 * How many tokens a model may use for thinking. Vendors count them as part of the
 * answer, so they are added to its limit, and no answer is cut short.
 */
export const THINKING_TOKENS: Readonly<Record<Thinking, number>> = {
  off: 0,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
};
