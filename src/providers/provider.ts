/**
 * What a language model is to the rest of Parley: something that takes a
 * conversation and streams back parts of an answer. How one vendor is reached
 * lives in that vendor's file beside this one, and nowhere else.
 *
 * @module
 */

/** One message of the conversation that the model is shown. */
export type Message =
  /** What the caller said. */
  | { role: "user"; text: string }
  /** What the agent said, and the tools that it called then. */
  | {
    role: "assistant";
    text: string;
    calls?: readonly ToolCall[];
    providerMetadata?: ProviderMetadata;
  }
  /** What a tool returned: JSON, or whatever a platform's own tool sent. */
  | { role: "tool"; text: string; callId: string; name: string };

/** A tool that the model wants to have called. */
export interface ToolCall {
  /** Unique within its conversation. */
  id: string;
  /** Which tool. */
  name: string;
  /** What the model made of the tool's parameters; unchecked. */
  arguments: unknown;
}

/** An answer in its vendor's own form, for a vendor that wants it back unchanged. */
export interface ProviderMetadata {
  /** The vendor whose form it is. Others take no notice of it. */
  provider: string;
  /** The answer as JSON. */
  content: unknown;
}

/** A tool that the model may call. */
export interface ToolDeclaration {
  /** What the model calls it by. */
  name: string;
  /** When to call it, and what for. */
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
  /** What the model may call. Absent: nothing. */
  tools?: readonly ToolDeclaration[];
  /** `none`: the model has called enough and must answer now. */
  toolChoice?: "none";
  /** The longest answer, in tokens. What the model thinks is not counted. */
  maxTokens?: number;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/** What the vendor counted, where it says so. */
export interface Usage {
  /** What the model was shown: system prompt and messages. */
  inputTokens?: number;
  /** How much of that it took from its cache. */
  cachedTokens?: number;
  /** How long it took to read the rest, in milliseconds. */
  promptMs?: number;
  /** What the model answered. */
  outputTokens?: number;
}

/** One piece of a model's answer. */
export type ProviderPart =
  /** Who answers, just before the first words. Sent where several might. */
  | { type: "response-start"; provider: string; model: string }
  | { type: "text-delta"; text: string }
  | { type: "tool-call"; call: ToolCall }
  /**
   * The end. `providerMetadata` comes where there were calls and the vendor
   * needs it; `isCut` says that the answer reached
   * {@linkcode ProviderRequest.maxTokens}.
   */
  | {
    type: "finish";
    usage: Usage;
    providerMetadata?: ProviderMetadata;
    isCut?: boolean;
  };

/** The beginning that all questions of a conversation share. */
export type PromptBeginning = Pick<
  ProviderRequest,
  "system" | "messages" | "tools"
>;

/**
 * A language model that can be asked.
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
   * such an error too: silence is never an answer.
   */
  stream(request: ProviderRequest): AsyncIterable<ProviderPart>;
  /**
   * Resolves when the vendor answers, without spending tokens.
   *
   * @throws {ProviderError} when it does not
   */
  check(signal: AbortSignal): Promise<void>;
  /**
   * Makes ready what the next answer would otherwise wait for: loads the model,
   * and has it read how the prompt begins. Absent where there is nothing to do.
   *
   * @throws {ProviderError} when it can't be done
   */
  readonly prepare?:
    | ((signal: AbortSignal, beginning: PromptBeginning) => Promise<void>)
    | undefined;
  /**
   * Whether the vendor is silent because it still loads the model: it is given
   * its time then. Absent where no model is ever loaded. Never rejects.
   */
  readonly isLoading?: (signal: AbortSignal) => Promise<boolean>;
}

/** How much a model thinks before it speaks. `off` is as little as it can do. */
export const THINKING = ["off", "low", "medium", "high"] as const;

/** How much a model thinks before it speaks. */
export type Thinking = typeof THINKING[number];

/** A vendor's failure, whatever its SDK called it. For the log, never for a caller. */
export class ProviderError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "ProviderError";
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly provider: string;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;
  /** Whether the same question may succeed if asked again. */
  readonly retryable: boolean;
  /** When to ask again at the earliest, in milliseconds, where the vendor says so. */
  readonly retryAfterMs: number | undefined;
  /** What an owner can do about it. */
  readonly fix: string | undefined;
  /** The Ollama model that has to be pulled first. */
  readonly missingModel: string | undefined;

  /** The message is for the log: what was attempted, then what came of it. The fix follows it. */
  constructor(
    message: string,
    options:
      & ErrorOptions
      & Pick<ProviderError, "provider" | "retryable">
      & Partial<
        Pick<
          ProviderError,
          "status" | "retryAfterMs" | "fix" | "missingModel"
        >
      >,
  ) {
    const { fix, cause } = options;
    super(fix === undefined ? message : `${message}; ${fix}`, { cause });
    this.provider = options.provider;
    this.status = options.status;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.fix = fix;
    this.missingModel = options.missingModel;
  }
}

/**
 * How many tokens a model may use up by thinking, where its vendor counts them
 * as part of the answer: room that is added, so that no answer is cut short.
 */
export const THINKING_TOKENS: Readonly<Record<Thinking, number>> = {
  off: 0,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
};
