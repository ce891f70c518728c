/**
 * The settings of language models of any vendor. The settings of one vendor are
 * declared in that vendor's file.
 *
 * @module
 */
import { oneOf, wholeNumber } from "../settings/kinds.ts";
import type { SettingValues } from "../settings/setting.ts";
import { THINKING } from "./provider.ts";

/** The settings for requests to any model. */
export const providerSettings = {
  thinking: {
    env: "LLM_THINKING",
    default: "off",
    help:
      "How much the model thinks before it speaks: `off`, `low`, `medium` " +
      "or `high`. The caller waits in silence meanwhile, so `off` (as little " +
      "as the model can do) suits most calls; raise it where hard questions " +
      "are answered wrongly. Models that can't think ignore it.",
    ...oneOf(THINKING),
  },
  firstTokenTimeoutMs: {
    env: "FIRST_TOKEN_TIMEOUT_MS",
    default: "10000",
    help: "How long the model may take to its first words, in milliseconds, " +
      "tries that fail included. A model that Ollama is still loading gets " +
      "more. After that the next of `LLM_PROVIDER` is asked; where there is " +
      "none, the caller hears `ERROR_MESSAGE`. Raise it for a large model on " +
      "a slow machine.",
    ...wholeNumber(1),
  },
  stallTimeoutMs: {
    env: "STALL_TIMEOUT_MS",
    default: "8000",
    help: "How long it may then pause in the middle of an answer, in " +
      "milliseconds. After that the answer is given up, and the caller hears " +
      "`ERROR_MESSAGE`.",
    ...wholeNumber(1),
  },
} as const;

/** The values of {@linkcode providerSettings}. */
export type ProviderSettings = SettingValues<typeof providerSettings>;
