// @ts-check
/**
 * Text that is still arriving, cut into sentences as soon as each is whole, so
 * that speaking can begin before the answer ends.
 *
 * @module
 */

/**
 * A piece to be spoken at one go.
 *
 * @typedef {object} Sentence
 * @property {string} text
 * @property {number} start where in the whole text it begins
 */

/**
 * Makes what cuts a text as it comes.
 *
 * @param {string | undefined} [locale] of the text, where it is known
 */
export function createSplitter(locale) {
  const segmenter = new Intl.Segmenter(locale, { granularity: "sentence" });
  let rest = "";
  let start = 0;

  /** @param {Intl.SegmentData[]} segments */
  function take(segments) {
    const sentences = segments.map(({ segment, index }) => ({
      text: segment,
      start: start + index,
    }));
    const length = segments.reduce(
      (sum, { segment }) => sum + segment.length,
      0,
    );
    rest = rest.slice(length);
    start += length;
    return sentences.filter(({ text }) => text.trim() !== "");
  }

  return {
    /**
     * Adds what has come.
     *
     * @param {string} text
     * @returns {Sentence[]} those that it made whole
     */
    add(text) {
      rest += text;
      // The last one may go on.
      return take([...segmenter.segment(rest)].slice(0, -1));
    },
    /**
     * Gives what is left when the text is over.
     *
     * @returns {Sentence[]}
     */
    flush() {
      return take([...segmenter.segment(rest)]);
    },
  };
}
