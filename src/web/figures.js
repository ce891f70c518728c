// @ts-check
/**
 * How long a turn took and what it cost, in words, for the terminal and the
 * pages.
 *
 * @module
 */

/**
 * The figures of a turn, where they are known, as the server tells them.
 *
 * @typedef {Partial<import("../sessions/document.ts").TurnDocument>} Figures
 */

/**
 * What is known of a turn, the time to the first word before the others.
 *
 * @param {Figures} figures
 */
export function toFigures(figures) {
  const { provider, model, prompt_ms, cached_tokens } = figures;
  const { first_words_ms: first, total_ms: total } = figures;
  const { input_tokens: input, output_tokens: output } = figures;
  const tokens = [
    input !== undefined && `${input.toLocaleString("en")} in`,
    output !== undefined && `${output.toLocaleString("en")} out`,
  ].filter(Boolean);
  return [
    first !== undefined && `${formatMs(first)} first word`,
    total !== undefined && `${formatMs(total)} total`,
    provider && nameModel(provider, model),
    tokens.length > 0 && `tokens: ${tokens.join(", ")}`,
    prompt_ms !== undefined && `prompt read in ${prompt_ms} ms`,
    cached_tokens && `${cached_tokens.toLocaleString("en")} cached`,
  ].filter((figure) => typeof figure === "string");
}

/** What ends an answer for the model. */
const ENDINGS = new Map([
  ["max-tokens", "ended at MAX_ANSWER_TOKENS"],
  ["repetition", "ended for repeating itself"],
  ["max-seconds", "ended at MAX_TURN_SECONDS"],
]);

/** Why an answer was ended, if it was. @param {Figures} figures */
export function toEnding({ ended }) {
  return ended === undefined ? [] : [ENDINGS.get(ended) ?? `ended: ${ended}`];
}

/**
 * Who answers, in a few words.
 *
 * @param {string} provider
 * @param {string} [model]
 */
export function nameModel(provider, model) {
  return model && model !== provider ? `${provider} · ${model}` : provider;
}

/** @param {number} ms */
export function formatMs(ms) {
  if (ms < 995) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
}
