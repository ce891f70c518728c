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
 * @typedef {object} Figures
 * @property {string | undefined} [provider]
 * @property {string | undefined} [model]
 * @property {number | undefined} [first_words_ms]
 * @property {number | undefined} [total_ms]
 * @property {number | undefined} [input_tokens] the whole prompt
 * @property {number | undefined} [output_tokens] what the model answered
 * @property {number | undefined} [prompt_ms] how long it took to read its prompt
 * @property {number | undefined} [cached_tokens] how much of that it had read before
 * @property {string | undefined} [ended] why the answer was ended for the model
 */

/**
 * What the model wrote and read, one figure each.
 *
 * @param {Figures} figures
 * @returns {string[]}
 */
export function toUsage(figures) {
  const { output_tokens } = figures;
  const said = output_tokens === undefined
    ? []
    : [`${formatCount(output_tokens)} tokens`];
  return [...said, ...toReading(figures)];
}

/** @param {Figures} figures */
function toReading({ prompt_ms, cached_tokens }) {
  return [
    ...prompt_ms === undefined ? [] : [`prompt read in ${prompt_ms} ms`],
    ...cached_tokens ? [`${formatCount(cached_tokens)} cached`] : [],
  ];
}

/**
 * All figures of a turn as a page shows them beside it, the time to the first
 * word before the others.
 *
 * @param {Figures} figures
 * @returns {string[]}
 */
export function toFigures(figures) {
  const { provider, model, first_words_ms, total_ms } = figures;
  const { input_tokens, output_tokens } = figures;
  const tokens = [
    ...input_tokens === undefined ? [] : [`${formatCount(input_tokens)} in`],
    ...output_tokens === undefined ? [] : [`${formatCount(output_tokens)} out`],
  ];
  return [
    ...first_words_ms === undefined
      ? []
      : [`${formatMs(first_words_ms)} first word`],
    ...total_ms === undefined ? [] : [`${formatMs(total_ms)} total`],
    ...provider === undefined ? [] : [nameModel(provider, model)],
    ...tokens.length === 0 ? [] : [`tokens: ${tokens.join(", ")}`],
    ...toReading(figures),
  ];
}

/**
 * Why an answer was ended, if it was.
 *
 * @param {Figures} figures
 * @returns {string[]}
 */
export function toEnding({ ended }) {
  switch (ended) {
    case undefined:
      return [];
    case "max-tokens":
      return ["ended at MAX_ANSWER_TOKENS"];
    case "repetition":
      return ["ended for repeating itself"];
    default:
      return [`ended: ${ended}`];
  }
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

/** @param {number} count */
function formatCount(count) {
  return count.toLocaleString("en");
}

/** @param {number} ms */
export function formatMs(ms) {
  if (ms < 1) return "under 1 ms";
  if (ms < 995) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
}

/**
 * The middle of some numbers, or of the two in the middle.
 *
 * @param {readonly number[]} numbers
 * @returns {number | undefined} nothing where there are none
 */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined || low === undefined) return high;
  return sorted.length % 2 === 0 ? (low + high) / 2 : high;
}
