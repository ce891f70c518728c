/**
 * A turn's figures, as `say` and `sessions` print them.
 *
 * @module
 */
import { toEnding, toUsage } from "../web/figures.js";

/** Who answered a turn, and what it took, where that is known. */
export interface Figures {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  provider?: string | undefined;
  /** As the vendor spells it. */
  model?: string | undefined;
  /** Until the first word. */
  first_words_ms?: number | undefined;
  /** Until the end. */
  total_ms?: number | undefined;
  /** What the model was shown. */
  input_tokens?: number | undefined;
  /** What the model answered. */
  output_tokens?: number | undefined;
  /** How long the model took to read its prompt. */
  prompt_ms?: number | undefined;
  /** How much of the prompt it had read before. */
  cached_tokens?: number | undefined;
  /** `max-tokens` or `repetition`, where the answer was ended for the model. */
  ended?: string | undefined;
}

/** The figures in words. */
export function toCaption(figures: Figures): string[] {
  const { provider, model, first_words_ms, total_ms } = figures;
  return [
    ...(first_words_ms === undefined
      ? []
      : [`first word ${first_words_ms} ms`]),
    ...(total_ms === undefined ? [] : [`total ${total_ms} ms`]),
    ...toUsage(figures),
    ...(provider === undefined
      ? []
      : [provider === model ? provider : `${provider} ${model}`]),
    ...toEnding(figures),
  ];
}
