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
 * @property {Pick<SpeechSynthesis, "speak" | "cancel">} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {SpeechSynthesisVoice | undefined} voice the chosen one
 * @property {() => void} onProgress called when more was spoken
 * @property {(problem: string) => void} onTrouble
 */

/** Speaks one answer. */
export class Speaker {
  /** How much of it was spoken, in characters. */
  offset = 0;
  #parts;
  #segmenter;
  /** What has come of it. */
  #text = "";
  /** Where in the text the next sentence begins. */
  #next = 0;
  /** Where the sentence ends that is just said. */
  #begun = 0;
  /**
   * What is yet to be spoken. Browsers forget an utterance that nobody holds,
   * events and all.
   *
   * @type {Set<SpeechSynthesisUtterance>}
   */
  #utterances = new Set();

  /** @param {SpeakerParts} parts */
  constructor(parts) {
    this.#parts = parts;
    const granularity = "sentence";
    this.#segmenter = new Intl.Segmenter(parts.voice?.lang, { granularity });
  }

  /** The text up to the end of the sentence that is just said. Empty while nothing is said. */
  get saying() {
    const isSilent = this.#utterances.size === 0;
    return isSilent ? "" : this.#text.slice(0, this.#begun).trimEnd();
  }

  /**
   * Adds what has come, and speaks each sentence as soon as it is whole.
   *
   * @param {string} [text] none when no more is coming
   */
  add(text) {
    this.#text += text ?? "";
    const rest = this.#text.slice(this.#next);
    const sentences = [...this.#segmenter.segment(rest)];
    // The last one may go on.
    if (text !== undefined) sentences.pop();
    for (const { segment } of sentences) this.#speak(segment);
  }

  /** Falls silent. */
  stop() {
    this.#utterances.clear();
    this.#parts.synth.cancel();
  }

  /** @param {string} sentence */
  #speak(sentence) {
    const { synth, toUtterance, voice, onTrouble } = this.#parts;
    const start = this.#next;
    const end = this.#next += sentence.length;
    if (sentence.trim() === "") return;
    const utterance = toUtterance(sentence.trimEnd());
    this.#utterances.add(utterance);
    if (voice) Object.assign(utterance, { voice, lang: voice.lang });
    utterance.onstart = () => this.#begun = end;
    utterance.onboundary = ({ charIndex, name }) => {
      if (name !== "sentence") this.#advance(utterance, start + charIndex);
    };
    utterance.onend = () => {
      this.#advance(utterance, end);
      this.#utterances.delete(utterance);
    };
    utterance.onerror = ({ error }) => {
      // One that was stopped tells that as an error.
      if (!this.#utterances.has(utterance)) return;
      onTrouble(`The browser's voice failed (${error}).`);
    };
    synth.speak(utterance);
  }

  /**
   * Takes note of how far the speaking has come, unless it was stopped.
   *
   * @param {SpeechSynthesisUtterance} utterance
   * @param {number} offset
   */
  #advance(utterance, offset) {
    if (!this.#utterances.has(utterance)) return;
    this.offset = Math.max(this.offset, offset);
    this.#parts.onProgress();
  }
}
