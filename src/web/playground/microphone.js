/// <reference lib="dom" />
/**
 * Listens with the browser's speech recognition until it is stopped, and leaves
 * out the echo of the loudspeaker.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechRecognition
 *
 * @module
 */

/**
 * What this page uses of the browser's class, which TypeScript doesn't know.
 *
 * @typedef {object} Recognition
 * @property {(event: { resultIndex: number, results: ArrayLike<{ isFinal: boolean, 0: { transcript: string } }> }) => void} onresult
 * @property {() => void} start
 * @property {() => void} abort
 */

/**
 * @typedef {object} MicrophoneParts
 * @property {() => string} toLanguage
 * @property {() => string} toSaying returns the words that the loudspeaker is saying
 * @property {() => void} onChange
 * @property {() => void} onWords called while the caller speaks
 * @property {(text: string) => void} onSentence
 * @property {(problem: string) => void} onTrouble
 */

const RECOVERABLE = ["no-speech", "aborted"];

/** Creates a microphone, switched off. @param {MicrophoneParts} parts */
export function createMicrophone(parts) {
  const { toSaying, onChange, onWords, onSentence, onTrouble } = parts;
  const Recognition = Reflect.get(globalThis, "SpeechRecognition") ??
    Reflect.get(globalThis, "webkitSpeechRecognition");
  /** Set while the microphone is on. @type {Recognition | undefined} */
  let current;
  /** The agent's words while this sentence was recorded. Its recognition comes later. */
  let overheard = "";

  /** @type {Recognition["onresult"]} */
  function hear({ resultIndex, results }) {
    let interim = "";
    for (const { isFinal, 0: best } of Array.from(results).slice(resultIndex)) {
      overheard = toSaying() || overheard;
      if (!isFinal) interim += ` ${best.transcript.trim()}`;
      else {
        const sentence = removeEcho(best.transcript.trim(), overheard);
        overheard = "";
        if (sentence !== "") onSentence(sentence);
      }
    }
    microphone.hearing = removeEcho(interim.trim(), overheard);
    if (microphone.hearing !== "") onWords();
    onChange();
  }

  const microphone = {
    isPossible: Recognition !== undefined && globalThis.isSecureContext,
    hearing: "",
    get isOn() {
      return current !== undefined;
    },
    start() {
      overheard = "";
      /** @type {Recognition} */
      const recognition = current = Object.assign(new Recognition(), {
        continuous: true,
        interimResults: true,
        lang: parts.toLanguage(),
        onresult: hear,
        onerror: (/** @type {{ error: string }} */ { error }) => {
          if (current !== recognition || RECOVERABLE.includes(error)) return;
          microphone.stop();
          onTrouble(toTrouble(error));
        },
        // Browsers stop after a silence, in spite of `continuous`.
        onend: () => current === recognition && recognition.start(),
      });
      recognition.start();
      onChange();
    },
    stop() {
      microphone.hearing = "";
      current?.abort();
      current = undefined;
      onChange();
    },
  };
  return microphone;
}

/** @param {string} error */
function toTrouble(error) {
  const isRefused = error === "not-allowed";
  const fix = isRefused ? " Allow it in the browser for this page." : "";
  return `The microphone stopped: ${error}.${fix}`;
}

const WORDS = /[\p{L}\p{N}'’]+/gu;

/**
 * Removes the agent's words from what was recognised, because the microphone
 * also picks up the loudspeaker.
 *
 * @param {string} recognised
 * @param {string} spoken what the agent said
 * @returns {string} the caller's words. Empty if all words are the agent's
 */
export function removeEcho(recognised, spoken) {
  const words = [...recognised.matchAll(WORDS)];
  const echo = new Set(spoken.match(WORDS)?.map(normalize));
  const own = words.findIndex(([word]) => !echo.has(normalize(word)));
  if (own < 0) return "";
  // One or two words in common may be chance: a caller also says "the".
  return own < 3 ? recognised : recognised.slice(words[own]?.index);
}

/** @param {string} word */
function normalize(word) {
  return word.toLowerCase().replace(/['’]/gu, "");
}
