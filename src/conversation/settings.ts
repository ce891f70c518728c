/**
 * The settings that limit a turn, and how its text is prepared for speech.
 *
 * @module
 */
import { onOrOff, wholeNumber } from "../settings/kinds.ts";

/** The limits of a turn, and how its text is prepared for speech. */
export const conversationSettings = {
  contextTokens: {
    env: "CONTEXT_TOKENS",
    default: "8192",
    help:
      "The size of the model's context window, in tokens (a token is about " +
      "three quarters of an English word): the prompt, the conversation and " +
      "the answer have to fit. The oldest turns of a long conversation are " +
      "left out. At least 512, and no more than the model supports. The more, " +
      "the more memory Ollama needs.",
    ...wholeNumber(512),
  },
  maxAnswerTokens: {
    env: "MAX_ANSWER_TOKENS",
    default: "1024",
    help:
      "The most tokens that an answer may have. A longer one ends with the " +
      "sentence that reaches the limit. What a model thinks is not counted.",
    ...wholeNumber(1, 1_000_000),
  },
  maxTurnSeconds: {
    env: "MAX_TURN_SECONDS",
    default: "120",
    help:
      "How long a turn may take, in seconds, including tools and the loading " +
      "of a model. After that the answer ends with the current sentence; if " +
      "there is none, the caller hears `ERROR_MESSAGE`.",
    ...wholeNumber(1, 86_400),
  },
  speechCleanup: {
    env: "SPEECH_CLEANUP",
    default: "on",
    help: "Whether the model's text is made speakable: `on` or `off`. Models " +
      "sometimes write asterisks, lists, links or emoji; with `on`, none of " +
      "that is read aloud.",
    ...onOrOff,
  },
} as const;
