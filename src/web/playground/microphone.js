// @ts-check
/// <reference lib="dom" />
/**
 * Listening, as the page has it: the button, what is being heard, and the note
 * that says where the audio goes. The agent's own words are left out.
 *
 * @module
 */
import { byId } from "../dom.js";
import { createEchoFilter } from "./heard.js";
import { hush, tell, warn } from "./notices.js";
import { createListener } from "./voice_in.js";

/**
 * What the microphone needs.
 *
 * @typedef {object} MicrophoneParts
 * @property {import("./voice_out.js").Speaker} speaker
 * @property {() => void} onWords called while the caller speaks
 * @property {(text: string) => void} say
 * @property {() => void} answerAloud called when somebody begins to talk
 */

/**
 * Makes the microphone work, where there is one.
 *
 * @param {MicrophoneParts} parts
 */
export function createMicrophone({ speaker, onWords, say, answerAloud }) {
  const button = byId("mic");
  const ghost = byId("ghost");
  const echo = createEchoFilter(speaker.saying);
  const { SpeechRecognition, webkitSpeechRecognition } = /** @type {any} */ (
    globalThis
  );
  const Recognition = SpeechRecognition ?? webkitSpeechRecognition;
  const isPossible = Recognition !== undefined && isSecureContext;

  const listener = createListener({
    Recognition,
    language: () => speaker.locale() ?? navigator.language,
    onInterim(text) {
      const own = echo.ownWords(text);
      if (own !== "") onWords();
      show(own);
    },
    onFinal(text) {
      const own = echo.ownWords(text);
      echo.clear();
      if (own !== "") say(own);
    },
    onState(isListening) {
      button.setAttribute("aria-pressed", String(isListening));
      tell(isListening ? "Listening" : "Microphone off");
      show("");
    },
    onTrouble: (problem) => warn(problem),
  });

  /** @param {string} text */
  function show(text) {
    ghost.hidden = !listener.isOn();
    ghost.textContent = text || "Listening…";
  }

  button.addEventListener("click", () => {
    hush();
    if (listener.isOn()) return listener.stop();
    answerAloud();
    echo.clear();
    listener.start();
  });
  if (!isPossible) {
    button.disabled = true;
    byId("mic-note").textContent = Recognition
      ? "The microphone needs https or localhost: open this page on the machine that Parley runs on."
      : "This browser has no speech recognition, so there is no microphone here. Chrome, Edge and Safari have it.";
  }

  return {
    /** Listens in the language of the voice from now on. */
    async renew() {
      if (!isPossible) return;
      const isLocal = await listener.renew();
      byId("mic-note").textContent = isLocal
        ? "Microphone: speech is recognised on this device, audio stays here. Headphones help."
        : "Microphone: your browser's speech recognition may send audio to its maker (Chrome to Google, Safari to Apple). Headphones help.";
    },
    /** Listens until released. Returns whether it began. */
    hold() {
      if (!isPossible || listener.isOn()) return false;
      listener.start();
      return true;
    },
    /** Hears out what was begun. */
    release: listener.finish,
  };
}
