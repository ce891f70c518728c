// @ts-check
/// <reference lib="dom" />
/**
 * Listens by the browser's speech recognition until it is told to stop, and
 * leaves out what the loudspeaker says.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechRecognition
 *
 * @module
 */
import { createEchoFilter } from "./heard.js";

/**
 * What this page uses of the browser's class, which TypeScript doesn't know.
 *
 * @typedef {object} Recognition
 * @property {boolean} continuous
 * @property {boolean} interimResults
 * @property {string} lang
 * @property {(event: { resultIndex: number, results: ArrayLike<{ isFinal: boolean, 0: { transcript: string } }> }) => void} onresult
 * @property {(event: { error: string }) => void} onerror
 * @property {() => void} onend
 * @property {() => void} start
 * @property {() => void} abort
 */

/**
 * What listening needs.
 *
 * @typedef {object} MicrophoneParts
 * @property {() => string} language
 * @property {() => string} saying what the agent is just saying, empty if nothing
 * @property {() => void} onChange called when it is switched on or off, or hears something
 * @property {() => void} onWords called while the caller speaks
 * @property {(text: string) => void} onSentence
 * @property {(problem: string) => void} onTrouble
 */

/** Errors after which it can't listen, and what to do. */
const PROBLEMS = new Map([
  [
    "not-allowed",
    "The browser doesn't let this page use the microphone. Allow it beside the address, then press the microphone again.",
  ],
  [
    "audio-capture",
    "No microphone was found. Plug one in, or choose it in the browser's settings.",
  ],
  [
    "network",
    "The browser's speech recognition needs its maker's server and can't reach it. Type instead, or try again later.",
  ],
]);

/** The browser's class, which not every browser has. @returns {(new () => Recognition) | undefined} */
function findRecognition() {
  /** @typedef {new () => Recognition} RecognitionClass */
  const world =
    /** @type {{ SpeechRecognition?: RecognitionClass, webkitSpeechRecognition?: RecognitionClass }} */ (globalThis);
  return world.SpeechRecognition ?? world.webkitSpeechRecognition;
}

/** Why there is no microphone on this page, or where its audio goes. */
export function explainMicrophone() {
  if (findRecognition() === undefined) {
    return "This browser has no speech recognition, so there is no microphone here. Chrome, Edge and Safari have it.";
  }
  return isSecureContext
    ? "Microphone: your browser's speech recognition may send audio to its maker (Chrome to Google, Safari to Apple). Headphones help."
    : "The microphone needs https or localhost: open this page on the machine that Parley runs on.";
}

/** What listens. */
export class Microphone {
  isPossible = findRecognition() !== undefined && isSecureContext;
  isOn = false;
  /** What is just being heard. */
  hearing = "";
  /** @type {MicrophoneParts} */
  #parts;
  /** @type {Recognition | undefined} */
  #recognition;
  #echo;

  /** @param {MicrophoneParts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#echo = createEchoFilter(parts.saying);
  }

  /** Begins to listen. */
  start() {
    this.isOn = true;
    this.#echo.clear();
    this.#listen();
    this.#parts.onChange();
  }

  /** Stops listening. */
  stop() {
    const recognition = this.#recognition;
    this.isOn = false;
    this.hearing = "";
    this.#recognition = undefined;
    recognition?.abort();
    this.#parts.onChange();
  }

  #listen() {
    const Recognition = findRecognition();
    if (Recognition === undefined) return;
    const recognition = this.#recognition = new Recognition();
    const isCurrent = () => this.#recognition === recognition;
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.lang = this.#parts.language();
    recognition.onresult = (event) => this.#hear(event);
    recognition.onerror = ({ error }) => {
      const isHarmless = error === "no-speech" || error === "aborted";
      if (isHarmless || !isCurrent()) return;
      this.#fail(
        PROBLEMS.get(error) ??
          `The browser's speech recognition failed (${error}).`,
      );
    };
    recognition.onend = () => {
      // Browsers end it after a silence, whatever "continuous" says.
      if (isCurrent()) this.#listen();
    };
    try {
      recognition.start();
    } catch (error) {
      this.#fail(`The microphone can't be used: ${error}.`);
    }
  }

  /** @param {Parameters<Recognition["onresult"]>[0]} event */
  #hear({ resultIndex, results }) {
    let interim = "";
    for (const result of Array.from(results).slice(resultIndex)) {
      const text = result[0].transcript.trim();
      if (result.isFinal) this.#take(text);
      else interim += ` ${text}`;
    }
    this.hearing = this.#echo.ownWords(interim.trim());
    if (this.hearing !== "") this.#parts.onWords();
    this.#parts.onChange();
  }

  /** @param {string} text */
  #take(text) {
    const own = this.#echo.ownWords(text);
    this.#echo.clear();
    if (own !== "") this.#parts.onSentence(own);
  }

  /** @param {string} problem */
  #fail(problem) {
    this.stop();
    this.#parts.onTrouble(problem);
  }
}
