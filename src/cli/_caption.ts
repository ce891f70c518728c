/**
 * A turn's figures, as `say` and `sessions` print them.
 *
 * @module
 */
import type { AnswerEvent } from "../platforms/layercode/client.ts";
import { toEnding, toUsage } from "../web/figures.js";

/** Who answered a turn, and what it took, where that is known. */
export type Figures = Pick<
  AnswerEvent,
  | "provider"
  | "model"
  | "first_words_ms"
  | "total_ms"
  | "input_tokens"
  | "output_tokens"
  | "prompt_ms"
  | "cached_tokens"
  | "ended"
>;

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
