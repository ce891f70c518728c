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
import { CHARACTERS_A_SECOND, heardAfter } from "./heard.js";
import { createSplitter } from "./sentences.js";

/** @typedef {import("./sentences.js").Sentence} Sentence */

/**
 * What speaking needs.
 *
 * @typedef {object} SpeakerParts
 * @property {Pick<SpeechSynthesis, "speak" | "cancel"> | undefined} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {() => number} now in milliseconds
 * @property {(problem: string) => void} onTrouble
 */

/**
 * A sentence as it is spoken.
 *
 * @typedef {object} Speech
 * @property {Sentence} sentence
 * @property {SpeechSynthesisUtterance} utterance held here, because browsers
 * forget one that nobody holds, events and all
 * @property {number} askedAt
 * @property {number} [startedAt]
 * @property {boolean} isTold whether the voice tells how far it is
 */

/** How much longer than it should a sentence may take until the voice counts as broken. */
const GRACE_MS = 6_000;

/** How often progress is guessed where the voice doesn't tell. */
const GUESS_EVERY_MS = 200;

/** What speaks. */
export class Speaker {
  /** Whether answers are to be read aloud. */
  isOn = false;
  /** The chosen voice. @type {SpeechSynthesisVoice | undefined} */
  voice;
  /** @type {SpeakerParts} */
  #parts;
  #splitter = createSplitter();
  /** @type {Sentence[]} */
  #queue = [];
  /** @type {Speech | undefined} */
  #speech;
  /** What was spoken last. */
  #before = "";
  /** How much of the text was spoken, in characters. */
  #offset = 0;
  #rate = CHARACTERS_A_SECOND;
  /** Whether the text is over. */
  #isClosed = true;
  /** @type {(offset: number, isOver: boolean) => void} */
  #onProgress = () => {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /** @param {SpeakerParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * What is just being said, and what was just before: recognition is late.
   * Empty while nothing is said.
   */
  get saying() {
    return this.#speech
      ? `${this.#before} ${this.#speech.sentence.text}`.trim()
      : "";
  }

  /**
   * Begins with another text.
   *
   * @param {(offset: number, isOver: boolean) => void} onProgress told how far
   * into the text the speaking has come
   */
  begin(onProgress) {
    this.#clear();
    this.#splitter = createSplitter(this.voice?.lang);
    this.#offset = 0;
    this.#isClosed = false;
    this.#onProgress = onProgress;
  }

  /** @param {string} text what has come */
  add(text) {
    if (!this.#isClosed) this.#enqueue(this.#splitter.add(text));
  }

  /** No more is coming. */
  end() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#enqueue(this.#splitter.flush());
    if (this.#speech === undefined) this.#next();
  }

  /**
   * Falls silent.
   *
   * @returns {number} how much of the text was spoken, in characters
   */
  stop() {
    this.#onProgress = () => {};
    if (this.#speech) this.#guess(this.#speech);
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

  /** @param {Sentence[]} sentences */
  #enqueue(sentences) {
    this.#queue.push(...sentences);
    if (this.#speech === undefined && this.#queue.length > 0) this.#next();
  }

  #next() {
    clearInterval(this.#timer);
    this.#before = this.#speech?.sentence.text ?? "";
    this.#speech = undefined;
    const sentence = this.#queue.shift();
    if (sentence) this.#speak(sentence);
    else if (this.#isClosed) this.#onProgress(this.#offset, true);
  }

  /** @param {Sentence} sentence */
  #speak(sentence) {
    const { synth, toUtterance, now } = this.#parts;
    const utterance = toUtterance(sentence.text.trimEnd());
    if (this.voice) {
      utterance.voice = this.voice;
      utterance.lang = this.voice.lang;
    }
    /** @type {Speech} */
    const speech = { sentence, utterance, askedAt: now(), isTold: false };
    this.#speech = speech;
    this.#listen(speech);
    this.#timer = setInterval(() => this.#watch(speech), GUESS_EVERY_MS);
    synth?.speak(utterance);
  }

  /** Follows what the voice tells, as long as it is about the current sentence. @param {Speech} speech */
  #listen(speech) {
    const { sentence, utterance } = speech;
    const { now } = this.#parts;
    const isCurrent = () => this.#speech === speech;
    utterance.onstart = () => speech.startedAt = now();
    utterance.onboundary = ({ charIndex, name }) => {
      if (!isCurrent() || (name && name !== "word")) return;
      speech.isTold = true;
      speech.startedAt ??= now();
      this.#advance(sentence.start + charIndex);
    };
    utterance.onend = () => {
      if (!isCurrent()) return;
      const seconds = (now() - (speech.startedAt ?? now())) / 1000;
      if (seconds > 0.5) this.#rate = sentence.text.length / seconds;
      this.#advance(sentence.start + sentence.text.length);
      this.#next();
    };
    utterance.onerror = ({ error }) => {
      if (!isCurrent()) return;
      this.#fail(
        error === "not-allowed"
          ? "The browser doesn't let this page speak yet: press “Speak answers” again."
          : `The browser's voice failed (${error}). Choose another one, or read along.`,
      );
    };
  }

  /** Some voices never begin, and some forget to end. @param {Speech} speech */
  #watch(speech) {
    const expectedMs = speech.sentence.text.length / this.#rate * 2_000;
    this.#guess(speech);
    if (this.#parts.now() - speech.askedAt > GRACE_MS + expectedMs) {
      this.#fail("The browser's voice has stopped. Choose another one.");
    }
  }

  /** @param {Speech} speech */
  #guess({ sentence, startedAt, isTold }) {
    if (startedAt === undefined || isTold) return;
    const elapsedMs = this.#parts.now() - startedAt;
    const heard = heardAfter(sentence.text, elapsedMs, this.#rate);
    this.#advance(sentence.start + heard);
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
