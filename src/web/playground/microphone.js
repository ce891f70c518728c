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
 * @property {(event: { resultIndex: number, results: ArrayLike<{ isFinal: boolean, 0: { transcript: string } }> }) => void} onresult
 * @property {() => void} start
 * @property {() => void} abort
 */

/**
 * What listening needs.
 *
 * @typedef {object} MicrophoneParts
 * @property {() => string} toLanguage of what it hears
 * @property {() => string} toSaying what the loudspeaker is saying
 * @property {() => void} onChange called when it is switched on or off, or hears something
 * @property {() => void} onWords called while the caller speaks
 * @property {(text: string) => void} onSentence
 * @property {(problem: string) => void} onTrouble
 */

/** Errors after which it goes on. */
const HARMLESS = ["no-speech", "aborted"];

/** Makes what listens. @param {MicrophoneParts} parts */
export function createMicrophone(parts) {
  const { toSaying, onChange, onWords, onSentence, onTrouble } = parts;
  const Recognition = Reflect.get(globalThis, "SpeechRecognition") ??
    Reflect.get(globalThis, "webkitSpeechRecognition");
  /** While it listens. @type {Recognition | undefined} */
  let current;
  /** What the agent said while it was listened: recognition is late. */
  let overheard = "";

  /** @type {Recognition["onresult"]} */
  function hear({ resultIndex, results }) {
    let interim = "";
    for (const { isFinal, 0: best } of Array.from(results).slice(resultIndex)) {
      overheard = toSaying() || overheard;
      if (!isFinal) interim += ` ${best.transcript.trim()}`;
      else {
        const sentence = ownWords(best.transcript.trim(), overheard);
        overheard = "";
        if (sentence !== "") onSentence(sentence);
      }
    }
    microphone.hearing = ownWords(interim.trim(), overheard);
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
          if (current !== recognition || HARMLESS.includes(error)) return;
          microphone.stop();
          const isRefused = error === "not-allowed";
          const fix = isRefused
            ? " Allow it in the browser for this page."
            : "";
          onTrouble(`The microphone stopped: ${error}.${fix}`);
        },
        // Browsers end it after a silence, whatever "continuous" says.
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
