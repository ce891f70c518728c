/**
 * An agent for tests: its messages are short, and it says nothing unasked.
 *
 * @module
 */
import type { Agent } from "../../src/conversation/turn.ts";

/** The agent for tests. */
export const agent: Agent = {
  systemPrompt: "Be brief.",
  welcomeMessage: "Welcome!",
  welcomeBackMessage: "Welcome back!",
  errorMessage: "Sorry.",
  fillerMessages: ["One moment."],
  fillerAfterMs: 0,
  toolFillerMessage: "Let me see.",
  toolFillerAfterMs: 0,
  maxAnswerTokens: 1_024,
  maxTurnSeconds: 120,
  speechCleanup: true,
  codeMessage: "I leave the code out.",
  contextTokens: 8_192,
};
