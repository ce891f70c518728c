/// <reference lib="dom" />
/**
 * Reads an answer aloud while it is still arriving, sentence by sentence, and
 * tracks how much was really spoken: by the word if the voice reports words,
 * else by the sentence.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechSynthesis
 *
 * @module
 */

/**
 * @typedef {object} SpeakerParts
 * @property {Pick<SpeechSynthesis, "speak" | "cancel">} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {SpeechSynthesisVoice | undefined} voice
 * @property {() => void} onProgress
 * @property {(problem: string) => void} onTrouble
 */

/** Speaks one answer. */
export class Speaker {
  /** How much of the answer was spoken, in characters. */
  offset = 0;
  #parts;
  #segmenter;
  #text = "";
  /** The offset at which the next sentence begins. */
  #next = 0;
  /** The offset at which the sentence being spoken ends. */
  #sayingEnd = 0;
  // Without a reference, browsers would collect utterances as garbage, and their
  // events would be lost.
  /** @type {Set<SpeechSynthesisUtterance>} */
  #utterances = new Set();

  /** @param {SpeakerParts} parts */
  constructor(parts) {
    this.#parts = parts;
    const granularity = "sentence";
    this.#segmenter = new Intl.Segmenter(parts.voice?.lang, { granularity });
  }

  /** The text up to the end of the sentence being spoken. Empty during silence. */
  get saying() {
    const isSilent = this.#utterances.size === 0;
    return isSilent ? "" : this.#text.slice(0, this.#sayingEnd).trimEnd();
  }

  /**
   * Adds text of the answer, and speaks each sentence as soon as it is complete.
   *
   * @param {string} [text] `undefined` at the end of the answer
   */
  add(text) {
    this.#text += text ?? "";
    const rest = this.#text.slice(this.#next);
    const sentences = [...this.#segmenter.segment(rest)];
    // The last sentence may be incomplete.
    if (text !== undefined) sentences.pop();
    for (const { segment } of sentences) this.#speak(segment);
  }

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
    utterance.onstart = () => this.#sayingEnd = end;
    utterance.onboundary = ({ charIndex, name }) => {
      if (name !== "sentence") this.#advance(utterance, start + charIndex);
    };
    utterance.onend = () => {
      this.#advance(utterance, end);
      this.#utterances.delete(utterance);
    };
    utterance.onerror = ({ error }) => {
      // A stopped utterance also reports an error.
      if (!this.#utterances.has(utterance)) return;
      onTrouble(`The browser's voice failed (${error}).`);
    };
    synth.speak(utterance);
  }

  /** @param {SpeechSynthesisUtterance} utterance @param {number} offset */
  #advance(utterance, offset) {
    // A stopped utterance may still report progress.
    if (!this.#utterances.has(utterance)) return;
    this.offset = Math.max(this.offset, offset);
    this.#parts.onProgress();
  }
}
