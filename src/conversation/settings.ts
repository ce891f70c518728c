/**
 * What an owner may set of how a conversation goes, whatever is said in it.
 *
 * @module
 */
import { onOrOff, wholeNumber } from "../settings/kinds.ts";

/** How much is read and said. */
export const conversationSettings = {
  contextTokens: {
    env: "CONTEXT_TOKENS",
    default: "8192",
    help:
      "How much the model can have in mind at once, in tokens (a token is " +
      "about three quarters of an English word): the prompt, the conversation " +
      "and the answer. What is oldest in a long conversation is left out to " +
      "fit. At least 512, and no more than the model can take. The more, the " +
      "more memory Ollama needs.",
    ...wholeNumber(512),
  },
  maxAnswerTokens: {
    env: "MAX_ANSWER_TOKENS",
    default: "1024",
    help:
      "Where an answer is ended that goes on and on, in tokens: at the end " +
      "of the sentence that is under way then. What a model thinks is not " +
      "counted.",
    ...wholeNumber(1, 1_000_000),
  },
  maxTurnSeconds: {
    env: "MAX_TURN_SECONDS",
    default: "120",
    help:
      "How long a turn may take, in seconds, tools and the loading of a model " +
      "included. Past it the answer ends with the sentence under way; where " +
      "there is none, the caller hears `ERROR_MESSAGE`.",
    ...wholeNumber(1, 86_400),
  },
  speechCleanup: {
    env: "SPEECH_CLEANUP",
    default: "on",
    help: "Whether the model's text is made fit for speaking: `on` or `off`. " +
      "Models write for the eye now and then, in asterisks, lists, links or " +
      "emoji; `on`, none of that is read out.",
    ...onOrOff,
  },
} as const;
