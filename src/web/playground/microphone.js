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
 * @property {Pick<import("./speaker.js").Speaker, "voice" | "saying">} speaker
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
  for (const name of ["SpeechRecognition", "webkitSpeechRecognition"]) {
    const found = Reflect.get(globalThis, name);
    if (found) return found;
  }
  return undefined;
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
  isPossible = findRecognition() !== undefined && globalThis.isSecureContext;
  isOn = false;
  /** What is just being heard. */
  hearing = "";
  /** What the agent said while it was listened: recognition is late. */
  #overheard = "";
  /** @type {MicrophoneParts} */
  #parts;
  /** @type {Recognition | undefined} */
  #recognition;

  /** @param {MicrophoneParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** Begins to listen. */
  start() {
    this.isOn = true;
    this.#overheard = "";
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
    recognition.lang = this.#parts.speaker.voice?.lang ?? navigator.language;
    recognition.onresult = (event) => this.#hear(event);
    recognition.onerror = ({ error }) => {
      const isHarmless = error === "no-speech" || error === "aborted";
      if (!isHarmless && isCurrent()) this.#fail(error);
    };
    recognition.onend = () => {
      // Browsers end it after a silence, whatever "continuous" says.
      if (isCurrent()) this.#listen();
    };
    try {
      recognition.start();
    } catch (error) {
      this.#fail(`${error}`);
    }
  }

  /** @param {Parameters<Recognition["onresult"]>[0]} event */
  #hear({ resultIndex, results }) {
    const { speaker, onWords, onSentence, onChange } = this.#parts;
    let interim = "";
    for (const { isFinal, 0: best } of Array.from(results).slice(resultIndex)) {
      this.#overheard = speaker.saying || this.#overheard;
      if (!isFinal) interim += ` ${best.transcript.trim()}`;
      else {
        const sentence = ownWords(best.transcript.trim(), this.#overheard);
        this.#overheard = "";
        if (sentence !== "") onSentence(sentence);
      }
    }
    this.hearing = ownWords(interim.trim(), this.#overheard);
    if (this.hearing !== "") onWords();
    onChange();
  }

  /** @param {string} error */
  #fail(error) {
    this.stop();
    this.#parts.onTrouble(
      PROBLEMS.get(error) ??
        `The browser's speech recognition failed (${error}).`,
    );
  }
}

const WORDS = /[\p{L}\p{N}'’]+/gu;

/**
 * What of the recognised words is the caller's own while the agent speaks: a
 * loudspeaker reaches the microphone, too.
 *
 * @param {string} recognised
 * @param {string} spoken what the agent said
 * @returns {string} empty when all of it is the agent's
 */
export function ownWords(recognised, spoken) {
  const words = [...recognised.matchAll(WORDS)];
  const echoed = countEcho(
    words.map(([word]) => plain(word)),
    (spoken.match(WORDS) ?? []).map(plain),
  );
  if (echoed === words.length) return "";
  // Fewer may be chance: a caller also says "the".
  return echoed < 3 ? recognised : recognised.slice(words[echoed]?.index);
}

/**
 * How many words at the beginning follow each other in what was spoken.
 * Recognition misses a word now and then.
 *
 * @param {string[]} words
 * @param {string[]} spoken
 */
function countEcho(words, spoken) {
  const counts = spoken.map((_, start) => {
    let rest = spoken.slice(start);
    const own = words.findIndex((word) => {
      const at = rest.slice(0, 3).indexOf(word);
      rest = rest.slice(at + 1);
      return at < 0;
    });
    return own < 0 ? words.length : own;
  });
  return Math.max(0, ...counts);
}

/** @param {string} word */
function plain(word) {
  return word.toLowerCase().replace(/['’]/gu, "");
}
