// @ts-check
/**
 * What a turn took besides time, in words, for the terminal and the pages.
 *
 * @module
 */

/**
 * The figures of a turn, where they are known, as the server tells them.
 *
 * @typedef {object} Figures
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
export function toUsage({ output_tokens, prompt_ms, cached_tokens }) {
  return [
    ...output_tokens === undefined
      ? []
      : [`${formatCount(output_tokens)} tokens`],
    ...prompt_ms === undefined ? [] : [`prompt read in ${prompt_ms} ms`],
    ...cached_tokens ? [`${formatCount(cached_tokens)} cached`] : [],
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

/** @param {number} count */
export function formatCount(count) {
  return count.toLocaleString("en");
}
