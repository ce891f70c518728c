// @ts-check
/**
 * Listens by the browser's speech recognition, without an end until it is told
 * to stop.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechRecognition
 *
 * @module
 */

/**
 * What listening needs.
 *
 * @typedef {object} ListenerParts
 * @property {any} Recognition the browser's class, which not every browser has
 * @property {() => string} language
 * @property {(text: string) => void} onInterim words that may still change
 * @property {(text: string) => void} onFinal
 * @property {(isListening: boolean) => void} onState
 * @property {(problem: string) => void} onTrouble
 */

/** Why it can't listen, in words. What isn't here is left to itself. */
const PROBLEMS = {
  "not-allowed":
    "The browser doesn't let this page use the microphone. Allow it beside the address, then press the microphone again.",
  "service-not-allowed":
    "The browser has switched its speech recognition off. Look in its settings, or type.",
  "audio-capture":
    "No microphone was found. Plug one in, or choose it in the browser's settings.",
  "network":
    "The browser's speech recognition needs its maker's server and can't reach it. Type instead, or try again later.",
  "language-not-supported":
    "The browser can't recognise this language. Choose a voice of another one.",
};

/** Ends this soon after its beginning, so often in a row, and it is hopeless. */
const SHORT_MS = 700;
const MAX_SHORT = 5;

/**
 * Makes what listens.
 *
 * @param {ListenerParts} parts
 */
export function createListener(parts) {
  const { Recognition, language } = parts;
  let isWanted = false;
  let isLocal = false;
  let short = 0;
  /** @type {any} */
  let recognition;

  function start() {
    const startedAt = Date.now();
    const mine = recognition = new Recognition();
    mine.continuous = true;
    mine.interimResults = true;
    mine.lang = language();
    if (isLocal) mine.processLocally = true;
    mine.onresult = (/** @type {any} */ event) => {
      short = 0;
      let interim = "";
      for (let n = event.resultIndex; n < event.results.length; n++) {
        const result = event.results[n];
        const text = String(result[0].transcript).trim();
        if (result.isFinal) parts.onFinal(text);
        else interim += ` ${text}`;
      }
      parts.onInterim(interim.trim());
    };
    mine.onerror = (/** @type {{ error: string }} */ { error }) => {
      const problem = PROBLEMS[/** @type {keyof typeof PROBLEMS} */ (error)];
      if (problem === undefined || mine !== recognition) return;
      stop();
      parts.onTrouble(problem);
    };
    mine.onend = () => {
      if (mine !== recognition) return;
      // Browsers end it after a silence, whatever "continuous" says.
      short = Date.now() - startedAt < SHORT_MS ? short + 1 : 0;
      if (isWanted && short < MAX_SHORT) return start();
      if (isWanted) {
        parts.onTrouble(
          "The browser's speech recognition keeps stopping. Type instead, or try again later.",
        );
      }
      stop();
    };
    try {
      mine.start();
    } catch (error) {
      stop();
      parts.onTrouble(`The microphone can't be used: ${error}.`);
    }
  }

  function stop() {
    const was = recognition;
    isWanted = false;
    recognition = undefined;
    parts.onInterim("");
    parts.onState(false);
    was?.abort();
  }

  return {
    isOn: () => isWanted,
    start() {
      if (isWanted) return;
      isWanted = true;
      short = 0;
      parts.onState(true);
      start();
    },
    stop,
    /** Hears out what was begun, then stops. */
    finish() {
      isWanted = false;
      parts.onState(false);
      recognition?.stop();
    },
    /** In another language from now on. */
    async renew() {
      isLocal = await canStayHere(Recognition, language());
      if (!isWanted) return isLocal;
      recognition?.abort();
      return isLocal;
    },
  };
}

/**
 * Whether speech can be recognised without leaving this device.
 *
 * @param {any} Recognition
 * @param {string} language
 */
async function canStayHere(Recognition, language) {
  if (typeof Recognition?.available !== "function") return false;
  try {
    const options = { langs: [language], processLocally: true };
    return await Recognition.available(options) === "available";
  } catch {
    // A browser that knows the question but not this form of it.
    return false;
  }
}
