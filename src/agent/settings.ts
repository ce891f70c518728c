/**
 * The settings that override the texts of `prompt.ts`.
 *
 * @module
 */
import { wholeNumber } from "../settings/kinds.ts";
import {
  CODE_MESSAGE,
  ERROR_MESSAGE,
  FILLER_MESSAGE,
  SYSTEM_PROMPT,
  TOOL_FILLER_MESSAGE,
  WELCOME_BACK_MESSAGE,
  WELCOME_MESSAGE,
} from "./prompt.ts";

/** The system prompt, and the texts that the agent says by itself. */
export const agentSettings = {
  systemPrompt: {
    env: "SYSTEM_PROMPT",
    default: SYSTEM_PROMPT,
    example: "You are the front desk of a small hotel. Answer in one or two " +
      "short sentences.",
    help:
      "The system prompt: who the agent is and how it speaks. Can also be " +
      "set as `prompt` in `layercode.config.json`.",
    defaultNote: "the one in `src/agent/prompt.ts`",
  },
  welcomeMessage: {
    env: "WELCOME_MESSAGE",
    default: WELCOME_MESSAGE,
    mayBeEmpty: true,
    help:
      "Its first words. If empty, it waits for the caller to speak. Can also " +
      "be set as `welcome_message` in `layercode.config.json`.",
  },
  welcomeBackMessage: {
    env: "WELCOME_BACK_MESSAGE",
    default: WELCOME_BACK_MESSAGE,
    mayBeEmpty: true,
    help: "Its first words to a caller whose conversation goes on, after a " +
      "break or on a new connection. If empty, it waits for the caller.",
  },
  fillerMessages: {
    env: "FILLER_MESSAGE",
    default: FILLER_MESSAGE,
    help:
      "What it says when the caller would otherwise hear nothing for long, so " +
      "that they don't think the call has ended. Several messages, " +
      "with `;` between them, take turns.",
    parse: toMessages,
  },
  fillerAfterMs: {
    env: "FILLER_AFTER_MS",
    default: "2500",
    help:
      "After how much silence it says `FILLER_MESSAGE`, in milliseconds. 0: " +
      "never.",
    ...wholeNumber(0),
  },
  toolFillerMessage: {
    env: "TOOL_FILLER_MESSAGE",
    default: TOOL_FILLER_MESSAGE,
    help:
      "What it says while a tool is at work: it looks something up or does " +
      "something for the caller. It is not said if the model or the tool has " +
      "said something itself.",
  },
  toolFillerAfterMs: {
    env: "TOOL_FILLER_AFTER_MS",
    default: "800",
    help: "After how much silence it says `TOOL_FILLER_MESSAGE`, in " +
      "milliseconds. 0: never.",
    ...wholeNumber(0),
  },
  codeMessage: {
    env: "CODE_MESSAGE",
    default: CODE_MESSAGE,
    mayBeEmpty: true,
    help:
      "What it says instead of a block of code. If empty, the block is left " +
      "out silently.",
  },
  errorMessage: {
    env: "ERROR_MESSAGE",
    default: ERROR_MESSAGE,
    help: "What the caller hears when there is no answer, such as when the " +
      "model fails.",
  },
} as const;

function toMessages(text: string): string[] {
  return text.split(";").map((message) => message.trim())
    .filter((message) => message !== "");
}
