// @ts-check
/// <reference lib="dom" />
/**
 * The playground's page: what it knows, what can be done on it, and when it is
 * drawn anew. What it looks like is in `views.js`.
 *
 * @module
 */
import { html as view, render } from "../preact.js";
import { Call } from "./call.js";
import { Microphone } from "./microphone.js";
import { sendTurn } from "./send.js";
import { Speaker } from "./speaker.js";
import { Facts, Playground } from "./views.js";

/**
 * What the server tells the page.
 *
 * @typedef {object} PageData
 * @property {string} version Parley's own
 * @property {string} provider who answers
 * @property {string} [model]
 * @property {{ variable: string } | { file: string }} secret where it is kept
 */

/** @type {PageData} */
const data = JSON.parse(document.body.dataset.page ?? "");
const synth = globalThis.speechSynthesis;
const now = () => performance.now();

const speaker = new Speaker({
  synth,
  toUtterance: (text) => new SpeechSynthesisUtterance(text),
  now,
  onTrouble(problem) {
    setSpeaking(false);
    warn(problem);
  },
});
const call = new Call({
  send: sendTurn,
  speaker,
  now,
  onChange: draw,
});
const microphone = new Microphone({
  language: () => speaker.voice?.lang ?? navigator.language,
  saying: () => speaker.saying,
  onChange: draw,
  onWords: () => call.interrupt(),
  onSentence: say,
  onTrouble: warn,
});

/** All that the page shows besides the parts above. */
const state = {
  data,
  call,
  speaker,
  microphone,
  /** What is wrong. */
  alert: "",
  /** What is written in the field. */
  draft: "",
  /** Whether the conversation began before this page was opened. */
  isResumed: false,
  /** @type {SpeechSynthesisVoice[]} */
  voices: [],
};

/** What can be done on the page. */
const actions = {
  say,
  interrupt: () => call.interrupt(),
  begin: () => open(),
  reconnect: () => afresh(() => call.connect()),
  /** @param {string} text */
  write(text) {
    state.draft = text;
    draw();
  },
  toggleMicrophone() {
    state.alert = "";
    if (microphone.isOn) return microphone.stop();
    setSpeaking(true);
    microphone.start();
  },
  toggleSpeaking() {
    state.alert = "";
    setSpeaking(!speaker.isOn);
    // Browsers let nothing be spoken before a click, so the welcome was silent.
    if (speaker.isOn && call.turns.length === 1) call.readAloud();
  },
  /** @param {string} uri */
  chooseVoice(uri) {
    speaker.voice = state.voices.find(({ voiceURI }) => voiceURI === uri);
    draw();
  },
};

/** @typedef {typeof state} State */
/** @typedef {typeof actions} Actions */

function draw() {
  const props = { state, actions };
  render(view`<${Playground} ...${props} />`, find("main"));
  render(view`<${Facts} ...${props} />`, find("#facts"));
}

/** @param {string} selector @returns {HTMLElement} */
function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

/** @param {string} problem */
function warn(problem) {
  state.alert = problem;
  draw();
}

/** @param {string} text */
async function say(text) {
  state.alert = "";
  // To the end, which is where it is upside down.
  find("#scroll").scrollTop = 0;
  const isAccepted = await call.say(text);
  // Nothing that was written gets lost.
  if (!isAccepted) actions.write(state.draft || text);
}

/** @param {boolean} isOn */
function setSpeaking(isOn) {
  if (!isOn) call.mute();
  speaker.isOn = isOn && state.voices.length > 0;
  draw();
}

function loadVoices() {
  state.voices = synth?.getVoices() ?? [];
  speaker.voice ??= state.voices.find((voice) => voice.default) ??
    state.voices[0];
  draw();
}

/** Does what one of the buttons at the side is for. @param {() => void} action */
function afresh(action) {
  state.alert = "";
  find("#panel").hidePopover();
  action();
  find("#words").focus();
}

/**
 * Opens a conversation, which the address then names, so that it goes on when
 * the page is loaded anew.
 *
 * @param {string} [id] of one that goes on
 */
function open(id) {
  state.isResumed = id !== undefined;
  afresh(() => call.open(id));
  history.replaceState(null, "", `#${call.id}`);
}

globalThis.addEventListener("hashchange", () => location.reload());
document.addEventListener("keydown", (event) => {
  // Otherwise it closes what lies on top.
  if (event.key === "Escape" && call.interrupt()) event.preventDefault();
});
globalThis.addEventListener("pagehide", () => synth?.cancel());
synth?.addEventListener?.("voiceschanged", loadVoices);

loadVoices();
open(/^#([\w.-]{1,128})$/.exec(location.hash)?.[1]);
