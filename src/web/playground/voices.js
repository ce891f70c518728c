// @ts-check
/// <reference lib="dom" />
/**
 * Speaking, as the page has it: the button that switches it on, and the list of
 * the browser's voices, of which the chosen one is kept.
 *
 * @module
 */
import { byId, element } from "../dom.js";
import { hush } from "./notices.js";
import { sortVoices } from "./voice_out.js";

/** Where the browser keeps which voice was chosen. */
const KEPT = "parley-voice";

/**
 * What the voices need.
 *
 * @typedef {object} VoicesParts
 * @property {SpeechSynthesis | undefined} synth
 * @property {import("./voice_out.js").Speaker} speaker
 * @property {import("./call.js").Call} call
 * @property {() => void} onChoice called when another voice, or the first, is chosen
 */

/**
 * Makes the button and the list work.
 *
 * @param {VoicesParts} parts
 */
export function createVoices({ synth, speaker, call, onChoice }) {
  const button = byId("voice");
  const select = byId("voices");
  /** @type {SpeechSynthesisVoice[]} */
  let voices = [];

  function load() {
    voices = sortVoices(synth?.getVoices() ?? [], navigator.languages);
    const hasVoices = voices.length > 0;
    select.replaceChildren(...voices.map(toOption));
    select.hidden = !hasVoices;
    button.disabled = !hasVoices;
    byId("voice-note").textContent = hasVoices
      ? "What it hasn't spoken when you interrupt is struck through, and the agent is told."
      : "This browser has no voices, so answers can only be read. An operating system's settings for speech can add some.";
    const kept = recall();
    const chosen = voices.find(({ voiceURI }) => voiceURI === kept) ??
      voices.find((voice) => voice.default) ?? voices[0];
    if (chosen) select.value = chosen.voiceURI;
    choose(chosen);
  }

  /** @param {SpeechSynthesisVoice | undefined} voice */
  function choose(voice) {
    speaker.choose(voice);
    onChoice();
  }

  /** @param {boolean} on */
  function turn(on) {
    if (on && voices.length === 0) return;
    if (!on) call.mute();
    speaker.turn(on);
    button.setAttribute("aria-pressed", String(on));
  }

  synth?.addEventListener?.("voiceschanged", load);
  select.addEventListener("change", () => {
    remember(select.value);
    choose(voices.find(({ voiceURI }) => voiceURI === select.value));
  });
  button.addEventListener("click", () => {
    hush();
    turn(!speaker.isOn());
    // The welcome came before the browser would have let it be spoken.
    const last = call.last();
    const isWelcome = last?.number === 1 &&
      last.request.type === "session.start";
    if (speaker.isOn() && isWelcome) call.readAloud();
  });
  globalThis.addEventListener("pagehide", () => synth?.cancel());

  return {
    /** Lists the voices that there are. More may come later. */
    load,
    /** Switches speaking on or off. Without a voice it stays off. */
    turn,
  };
}

/** @param {SpeechSynthesisVoice} voice */
function toOption({ voiceURI, name, lang }) {
  return element("option", { value: voiceURI }, [`${name} (${lang})`]);
}

function recall() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    // Where the browser keeps nothing, the choice lasts as long as the page.
    return null;
  }
}

/** @param {string} voice */
function remember(voice) {
  try {
    localStorage.setItem(KEPT, voice);
  } catch {
    // As above.
  }
}
