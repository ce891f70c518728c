// @ts-check
/// <reference lib="dom" />
/**
 * The playground's page: what it knows, what can be done on it, and when it is
 * drawn anew. What it looks like is in `views.js`.
 *
 * @module
 */
import { drawPage, find, readData } from "../page.js";
import { html as view } from "../preact.js";
import { Call } from "./call.js";
import { Microphone } from "./microphone.js";
import { post } from "./send.js";
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
const call = new Call({ post, speaker, now, onChange: draw });
const microphone = new Microphone({
  speaker,
  onChange: draw,
  onWords: () => call.interrupt(),
  onSentence: say,
  onTrouble: warn,
});

/** All that the page shows, and what can be done on it. */
const app = {
  /** @type {PageData} */
  data: readData(),
  call,
  speaker,
  microphone,
  /** What is wrong. */
  alert: "",
  /** @type {SpeechSynthesisVoice[]} */
  voices: [],
  say,
  begin: () => open(),
  reconnect: () => afresh(() => call.connect()),
  toggleMicrophone() {
    app.alert = "";
    if (microphone.isOn) return microphone.stop();
    setSpeaking(true);
    microphone.start();
  },
  toggleSpeaking() {
    app.alert = "";
    setSpeaking(!speaker.isOn);
    // Browsers let nothing be spoken before a click, so the welcome was silent.
    if (speaker.isOn && call.turns.length === 1) call.readAloud();
  },
  /** @param {string} uri */
  chooseVoice(uri) {
    speaker.voice = app.voices.find(({ voiceURI }) => voiceURI === uri);
    draw();
  },
};

/** @typedef {typeof app} App */

function draw() {
  drawPage(
    view`<${Playground} app=${app} />`,
    view`<${Facts} app=${app} />`,
  );
}

/** @param {string} problem */
function warn(problem) {
  app.alert = problem;
  draw();
}

/** @param {string} text */
async function say(text) {
  app.alert = "";
  // To the end, which is where it is upside down.
  find("#scroll").scrollTop = 0;
  if (await call.say(text)) return;
  // Nothing that was written gets lost. `#words` is a text area, hence the cast.
  const field = /** @type {HTMLTextAreaElement} */ (find("#words"));
  field.value ||= text;
}

/** @param {boolean} isOn */
function setSpeaking(isOn) {
  if (!isOn) call.mute();
  speaker.isOn = isOn && app.voices.length > 0;
  draw();
}

function loadVoices() {
  app.voices = synth?.getVoices() ?? [];
  speaker.voice ??= app.voices.find((voice) => voice.default) ?? app.voices[0];
  draw();
}

/** Does what one of the buttons at the side is for. @param {() => void} action */
function afresh(action) {
  app.alert = "";
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
