/**
 * Formats the times and tokens of a turn as text, for the terminal and the
 * pages.
 *
 * @module
 */

/** @typedef {import("../sessions/record.ts").SnakeCaseDetails & { status?: string }} Figures What the server knows of a turn */

/** Formats what is known, beginning with the time to the first word. @param {Figures} figures */
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

const ENDINGS = new Map([
  ["max-tokens", "ended at MAX_ANSWER_TOKENS"],
  ["repetition", "ended for repeating itself"],
  ["max-seconds", "ended at MAX_TURN_SECONDS"],
]);

/** Returns why Parley ended the answer, as a list that is empty if it didn't. @param {Figures} figures */
export function toEnding({ ended }) {
  return ended === undefined ? [] : [ENDINGS.get(ended) ?? `ended: ${ended}`];
}

/** @param {string} provider @param {string} [model] */
export function nameModel(provider, model) {
  return model && model !== provider ? `${provider} · ${model}` : provider;
}

/** @param {number} ms */
function formatMs(ms) {
  if (ms < 995) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
}
