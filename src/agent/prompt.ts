/**
 * The system prompt and what the agent says by itself, each as a setting that
 * overrides it. Yours to edit.
 *
 * @module
 */
import { wholeNumber } from "../settings/kinds.ts";

// `{{date}}`, `{{time}}`, `{{caller}}` (a phone number) and `{{metadata.x}}` stand
// for what is known when a conversation begins; if a value changes later, the
// new one is sent along with the caller's words.
const SYSTEM_PROMPT =
  `You are a friendly voice assistant on a live call. Everything you write is \
read aloud, so write the way people speak.
Keep it short: one to three short sentences, unless you are asked for more.
Use plain words only: no markdown, no lists, no emoji, no links, no code. Say \
numbers, dates and symbols as words: "half past four", "twenty euros", \
"ada at example dot com".
Name several things in one sentence, not as a list.
If you did not understand, ask one short question.
The call began on {{date}} at {{time}}.`;

/** The system prompt, and what the agent says by itself. */
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
    default: "Welcome! How can I help you today?",
    mayBeEmpty: true,
    help:
      "Its first words. If empty, it waits for the caller to speak. Can also " +
      "be set as `welcome_message` in `layercode.config.json`.",
  },
  welcomeBackMessage: {
    env: "WELCOME_BACK_MESSAGE",
    default: "Welcome back! How can I help?",
    mayBeEmpty: true,
    help: "Its first words to a caller whose conversation goes on, after a " +
      "break or on a new connection. If empty, it waits for the caller.",
  },
  fillerMessages: {
    env: "FILLER_MESSAGE",
    default: "One moment, please.; Just a second.; I'm still on it.",
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
    default: "Let me check.",
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
    default: "I have some code for that, which I'll leave out.",
    mayBeEmpty: true,
    help:
      "What it says instead of a block of code. If empty, the block is left " +
      "out silently.",
  },
  errorMessage: {
    env: "ERROR_MESSAGE",
    default: "Sorry, I can't answer right now. Please try again in a moment.",
    help: "What the caller hears when there is no answer, such as when the " +
      "model fails.",
  },
} as const;

function toMessages(text: string): string[] {
  return text.split(";").map((message) => message.trim())
    .filter((message) => message !== "");
}
