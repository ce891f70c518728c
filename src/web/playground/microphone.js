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

/** The browser's class, which not every browser has. @returns {(new () => Recognition) | undefined} */
function findRecognition() {
  return Reflect.get(globalThis, "SpeechRecognition") ??
    Reflect.get(globalThis, "webkitSpeechRecognition");
}

/** What listens. */
export class Microphone {
  isPossible = findRecognition() !== undefined && globalThis.isSecureContext;
  /** What is just being heard. */
  hearing = "";
  /** What the agent said while it was listened: recognition is late. */
  #overheard = "";
  /** @type {MicrophoneParts} */
  #parts;
  /** While it listens. @type {Recognition | undefined} */
  #recognition;

  /** @param {MicrophoneParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  get isOn() {
    return this.#recognition !== undefined;
  }

  /** Begins to listen. */
  start() {
    const Recognition = findRecognition();
    if (Recognition === undefined) return;
    const recognition = this.#recognition = new Recognition();
    const isCurrent = () => this.#recognition === recognition;
    this.#overheard = "";
    recognition.continuous = true;
    recognition.interimResults = true;
    recognition.lang = this.#parts.speaker.voice?.lang ?? navigator.language;
    recognition.onresult = (event) => this.#hear(event);
    recognition.onerror = ({ error }) => {
      if (!isCurrent() || ["no-speech", "aborted"].includes(error)) return;
      this.stop();
      this.#parts.onTrouble(`The microphone stopped: ${error}.`);
    };
    recognition.onend = () => {
      // Browsers end it after a silence, whatever "continuous" says.
      if (isCurrent()) recognition.start();
    };
    recognition.start();
    this.#parts.onChange();
  }

  /** Stops listening. */
  stop() {
    const recognition = this.#recognition;
    this.hearing = "";
    this.#recognition = undefined;
    recognition?.abort();
    this.#parts.onChange();
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
  const echo = new Set(spoken.match(WORDS)?.map(plain));
  const own = words.findIndex(([word]) => !echo.has(plain(word)));
  if (own < 0) return "";
  // Fewer may be chance: a caller also says "the".
  return own < 3 ? recognised : recognised.slice(words[own]?.index);
}

/** @param {string} word */
function plain(word) {
  return word.toLowerCase().replace(/['’]/gu, "");
}
