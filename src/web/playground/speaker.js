// @ts-check
/// <reference lib="dom" />
/**
 * Reads an answer aloud while it is still arriving, sentence by sentence, and
 * keeps count of what was really spoken: to the word where the voice tells, by
 * the clock where not.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechSynthesis
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
 * What speaking needs.
 *
 * @typedef {object} SpeakerParts
 * @property {Pick<SpeechSynthesis, "speak" | "cancel"> | undefined} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {() => number} now in milliseconds
 * @property {(problem: string) => void} onTrouble
 */

/** How fast a voice speaks that doesn't tell how far it is. */
const CHARACTERS_A_SECOND = 14;

/** How much longer than it should a sentence may take until the voice counts as broken. */
const GRACE_MS = 6_000;

/** How often progress is guessed where the voice doesn't tell. */
const GUESS_EVERY_MS = 200;

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
   * Gives the sentences that more text makes whole; without more, the rest.
   *
   * @param {string} [more]
   * @returns {Sentence[]}
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

/**
 * How much of a text has been spoken after a while, in whole words.
 *
 * @param {string} text
 * @param {number} elapsedMs since its beginning
 * @returns {number} characters
 */
export function heardAfter(text, elapsedMs) {
  const reached = Math.floor(elapsedMs / 1000 * CHARACTERS_A_SECOND);
  if (reached >= text.length) return text.length;
  // A word that has only begun wasn't heard.
  return text.slice(0, reached + 1).replace(/\S+$/u, "").length;
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
  /** @type {Sentence[]} */
  #queue = [];
  /**
   * What is just spoken. Browsers forget an utterance that nobody holds, events
   * and all.
   *
   * @type {SpeechSynthesisUtterance | undefined}
   */
  #speech;
  /** The sentences that were begun. */
  #begun = "";
  /** How much of the text was spoken, in characters. */
  #offset = 0;
  /** Whether no more text is coming. */
  #isClosed = true;
  /** @type {(offset: number, isOver: boolean) => void} */
  #onProgress = () => {};
  /** Guesses how far the voice is. */
  #guess = () => {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {SpeakerParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The text up to the end of the sentence that is just said. Empty while nothing is said. */
  get saying() {
    return this.#speech ? this.#begun.trimEnd() : "";
  }

  /**
   * Begins with another text.
   *
   * @param {(offset: number, isOver: boolean) => void} onProgress told how far
   * into the text the speaking has come
   */
  begin(onProgress) {
    this.#clear();
    this.#split = createSplitter(this.voice?.lang);
    this.#begun = "";
    this.#offset = 0;
    this.#isClosed = false;
    this.#onProgress = onProgress;
  }

  /** Adds what has come; without a text, no more is coming. @param {string} [text] */
  add(text) {
    if (this.#isClosed) return;
    this.#isClosed = text === undefined;
    this.#queue.push(...this.#split(text));
    if (this.#speech === undefined) this.#next();
  }

  /**
   * Falls silent.
   *
   * @returns {number} how much of the text was spoken, in characters
   */
  stop() {
    this.#onProgress = () => {};
    if (this.#speech) this.#guess();
    this.#clear();
    return this.#offset;
  }

  #clear() {
    clearInterval(this.#timer);
    this.#queue = [];
    this.#speech = undefined;
    this.#isClosed = true;
    this.#parts.synth?.cancel();
  }

  #next() {
    clearInterval(this.#timer);
    this.#speech = undefined;
    const sentence = this.#queue.shift();
    if (sentence) this.#speak(sentence);
    else if (this.#isClosed) this.#onProgress(this.#offset, true);
  }

  /** @param {Sentence} sentence */
  #speak({ text, start }) {
    const { synth, toUtterance, now } = this.#parts;
    const utterance = this.#speech = toUtterance(text.trimEnd());
    if (this.voice) {
      utterance.voice = this.voice;
      utterance.lang = this.voice.lang;
    }
    this.#begun += text;
    const isCurrent = () => this.#speech === utterance;
    const askedAt = now();
    let startedAt = Infinity;
    let isTold = false;
    this.#guess = () => {
      if (isTold) return;
      this.#advance(start + heardAfter(text, Math.max(0, now() - startedAt)));
    };
    utterance.onstart = () => startedAt = now();
    utterance.onboundary = ({ charIndex, name }) => {
      if (!isCurrent() || (name && name !== "word")) return;
      isTold = true;
      this.#advance(start + charIndex);
    };
    utterance.onend = () => {
      if (!isCurrent()) return;
      this.#advance(start + text.length);
      this.#next();
    };
    utterance.onerror = ({ error }) => {
      if (isCurrent()) this.#fail(toProblem(error));
    };
    // Some voices never begin, and some forget to end.
    const timeoutMs = GRACE_MS + text.length / CHARACTERS_A_SECOND * 2_000;
    this.#timer = setInterval(() => {
      this.#guess();
      if (now() - askedAt > timeoutMs) {
        this.#fail("The browser's voice has stopped. Choose another one.");
      }
    }, GUESS_EVERY_MS);
    synth?.speak(utterance);
  }

  /** @param {number} offset */
  #advance(offset) {
    if (offset <= this.#offset) return;
    this.#offset = offset;
    this.#onProgress(offset, false);
  }

  /** @param {string} problem */
  #fail(problem) {
    this.#clear();
    this.#parts.onTrouble(problem);
  }
}

/** Says what a voice's error means. @param {string} error */
function toProblem(error) {
  return error === "not-allowed"
    ? "The browser doesn't let this page speak yet: press “Speak answers” again."
    : `The browser's voice failed (${error}). Choose another one, or read along.`;
}
