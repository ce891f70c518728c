// @ts-check
/**
 * Text that is still arriving, cut into sentences as soon as each is whole, so
 * that speaking can begin before the answer ends. Nothing is lost: the pieces
 * put together are the text.
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

/** Longer ones are cut at a comma: some voices fall silent within a long text. */
const LONG = 220;

/** After these a full stop ends no sentence. */
const ABBREVIATION =
  /(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|No|vs|etc|approx|[eE]\.g|[iI]\.e|z\.B|[A-Z])\.\s*$/u;

/**
 * Cuts a text into sentences.
 *
 * @param {string} text
 * @param {string | undefined} [locale] of the text, where it is known
 * @returns {string[]} put together, they are the text
 */
export function splitSentences(text, locale) {
  const segmenter = new Intl.Segmenter(locale, { granularity: "sentence" });
  /** @type {string[]} */
  const sentences = [];
  for (const { segment } of segmenter.segment(text)) {
    const before = sentences.at(-1);
    const goesOn = before !== undefined &&
      (ABBREVIATION.test(before) || before.trim() === "");
    if (goesOn) sentences[sentences.length - 1] = before + segment;
    else sentences.push(segment);
  }
  return sentences;
}

/**
 * Makes what cuts a text as it comes.
 *
 * @param {string | undefined} [locale] of the text, where it is known
 */
export function createSplitter(locale) {
  let rest = "";
  let start = 0;

  /** @param {string[]} sentences */
  function take(sentences) {
    /** @type {Sentence[]} */
    const taken = [];
    for (const text of sentences.flatMap(cutLong)) {
      if (text.trim() !== "") taken.push({ text, start });
      start += text.length;
      rest = rest.slice(text.length);
    }
    return taken;
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
      return take(splitSentences(rest, locale).slice(0, -1));
    },
    /**
     * Gives what is left when the text is over.
     *
     * @returns {Sentence[]}
     */
    flush() {
      return take(splitSentences(rest, locale));
    },
  };
}

/** @param {string} sentence */
function cutLong(sentence) {
  /** @type {string[]} */
  const pieces = [];
  let left = sentence;
  while (left.length > LONG) {
    const head = left.slice(0, LONG);
    const [comma = ""] = /^[^]*[,;:–—]\s/u.exec(head) ?? [];
    const cut = comma.length > LONG / 3
      ? comma.length
      : head.lastIndexOf(" ") + 1 || LONG;
    pieces.push(left.slice(0, cut));
    left = left.slice(cut);
  }
  return [...pieces, left];
}
