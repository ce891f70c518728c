/**
 * The settings by which an owner replaces the words of `prompt.ts` without
 * touching the code.
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

/** What the agent is told, and what it says unasked. */
export const agentSettings = {
  systemPrompt: {
    env: "SYSTEM_PROMPT",
    default: SYSTEM_PROMPT,
    example: "You are the front desk of a small hotel. Answer in one or two " +
      "short sentences.",
    help: "Who the agent is and how it speaks. `prompt` in " +
      "`layercode.config.json` says it, too.",
    defaultNote: "the one in `src/agent/prompt.ts`",
  },
  welcomeMessage: {
    env: "WELCOME_MESSAGE",
    default: WELCOME_MESSAGE,
    mayBeEmpty: true,
    help:
      "Its first words. Set to nothing, it waits for the caller to speak. " +
      "`welcome_message` in `layercode.config.json` says it, too.",
  },
  welcomeBackMessage: {
    env: "WELCOME_BACK_MESSAGE",
    default: WELCOME_BACK_MESSAGE,
    mayBeEmpty: true,
    help: "Its first words to a caller whose conversation goes on, after a " +
      "break or on a new connection. Set to nothing, it waits here, too.",
  },
  fillerMessages: {
    env: "FILLER_MESSAGE",
    default: FILLER_MESSAGE,
    help: "What it says when the caller would hear nothing for long, so that " +
      "they don't take the silence for the end of the call. Several messages, " +
      "with `;` between them, take turns.",
    parse: toMessages,
  },
  fillerAfterMs: {
    env: "FILLER_AFTER_MS",
    default: "2500",
    help: "After how much silence it says that, in milliseconds. 0: it never " +
      "does.",
    ...wholeNumber(0),
  },
  toolFillerMessage: {
    env: "TOOL_FILLER_MESSAGE",
    default: TOOL_FILLER_MESSAGE,
    help:
      "What it says while it looks something up or does something for the " +
      "caller (when a tool is at work). Nothing is said where the model or " +
      "the tool has said something itself.",
  },
  toolFillerAfterMs: {
    env: "TOOL_FILLER_AFTER_MS",
    default: "800",
    help: "After how much silence it says that, in milliseconds. 0: it never " +
      "does.",
    ...wholeNumber(0),
  },
  codeMessage: {
    env: "CODE_MESSAGE",
    default: CODE_MESSAGE,
    mayBeEmpty: true,
    help:
      "What it says in place of a block of code. Set to nothing, the block " +
      "is left out without a word.",
  },
  errorMessage: {
    env: "ERROR_MESSAGE",
    default: ERROR_MESSAGE,
    help: "What a caller hears when no answer can be had.",
  },
} as const;

function toMessages(text: string): string[] {
  return text.split(";").map((message) => message.trim())
    .filter((message) => message !== "");
}
