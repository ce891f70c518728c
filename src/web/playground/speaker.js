// @ts-check
/// <reference lib="dom" />
/**
 * Reads an answer aloud while it is still arriving, sentence by sentence, and
 * keeps count of what was really spoken: to the word where the voice tells, to
 * the sentence where not.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechSynthesis
 *
 * @module
 */

/**
 * What speaking needs.
 *
 * @typedef {object} SpeakerParts
 * @property {Pick<SpeechSynthesis, "speak" | "cancel"> | undefined} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {(problem: string) => void} onTrouble
 */

/**
 * Makes what cuts a text as it comes into sentences, each as soon as it is
 * whole, so that speaking can begin before the answer ends.
 *
 * @param {string} [locale] of the text, where it is known
 */
export function createSplitter(locale) {
  const segmenter = new Intl.Segmenter(locale, { granularity: "sentence" });
  let text = "";
  let start = 0;
  /**
   * Gives the sentences that more text makes whole, and where in the whole text
   * each begins; without more, the rest.
   *
   * @param {string} [more]
   */
  return function split(more) {
    text += more ?? "";
    const sentences = Array.from(
      segmenter.segment(text),
      ({ segment, index }) => ({ text: segment, start: start + index }),
    );
    // The last one may go on.
    const open = more === undefined ? undefined : sentences.pop();
    start = open?.start ?? start + text.length;
    text = open?.text ?? "";
    return sentences.filter(({ text }) => text.trim() !== "");
  };
}

/** What speaks. */
export class Speaker {
  /** Whether answers are to be read aloud. */
  isOn = false;
  /** The chosen voice. @type {SpeechSynthesisVoice | undefined} */
  voice;
  /** @type {SpeakerParts} */
  #parts;
  #split = createSplitter();
  /**
   * What is yet to be spoken. Browsers forget an utterance that nobody holds,
   * events and all.
   *
   * @type {Set<SpeechSynthesisUtterance>}
   */
  #utterances = new Set();
  /** The sentences that were begun. */
  #begun = "";
  /** How much of the text was spoken, in characters. */
  #offset = 0;
  /** @type {(offset: number) => void} */
  #onProgress = () => {};

  /** @param {SpeakerParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The text up to the end of the sentence that is just said. Empty while nothing is said. */
  get saying() {
    return this.#utterances.size > 0 ? this.#begun.trimEnd() : "";
  }

  /**
   * Begins with another text.
   *
   * @param {(offset: number) => void} onProgress told how far into the text the
   * speaking has come
   */
  begin(onProgress) {
    this.stop();
    this.#split = createSplitter(this.voice?.lang);
    this.#begun = "";
    this.#offset = 0;
    this.#onProgress = onProgress;
  }

  /** Adds what has come; without a text, no more is coming. @param {string} [text] */
  add(text) {
    for (const sentence of this.#split(text)) this.#speak(sentence);
  }

  /**
   * Falls silent.
   *
   * @returns {number} how much of the text was spoken, in characters
   */
  stop() {
    this.#onProgress = () => {};
    this.#utterances.clear();
    this.#parts.synth?.cancel();
    return this.#offset;
  }

  /** @param {{ text: string, start: number }} sentence */
  #speak({ text, start }) {
    const { synth, toUtterance, onTrouble } = this.#parts;
    const utterance = toUtterance(text.trimEnd());
    this.#utterances.add(utterance);
    const isHeld = () => this.#utterances.has(utterance);
    if (this.voice) {
      utterance.voice = this.voice;
      utterance.lang = this.voice.lang;
    }
    utterance.onstart = () => {
      if (isHeld()) this.#begun += text;
    };
    utterance.onboundary = ({ charIndex, name }) => {
      if (isHeld() && name !== "sentence") this.#advance(start + charIndex);
    };
    utterance.onend = () => {
      if (!isHeld()) return;
      this.#utterances.delete(utterance);
      this.#advance(start + text.length);
    };
    utterance.onerror = ({ error }) => {
      if (isHeld()) onTrouble(`The browser's voice failed (${error}).`);
    };
    synth?.speak(utterance);
  }

  /** @param {number} offset */
  #advance(offset) {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    this.#onProgress(offset);
  }
}
