// @ts-check
/// <reference lib="dom" />
/**
 * The playground's page: what it knows, what can be done on it, and when it is
 * drawn anew. What it looks like is in `views.js`.
 *
 * @module
 */
import { find, post, readData } from "../page.js";
import { html as view, render } from "../preact.js";
import { Call } from "./call.js";
import { createMicrophone } from "./microphone.js";
import { Speaker } from "./speaker.js";
import { Playground } from "./views.js";

const synth = globalThis.speechSynthesis;
// The address names the conversation, so that it goes on when the page is
// loaded anew.
const [, id] = /^#([\w.-]{1,128})$/.exec(location.hash) ?? [];
/** @type {Call} */
const call = new Call({
  id,
  post: (request, signal) => post("/playground/turn", request, signal),
  createSpeaker,
  now: () => performance.now(),
  onChange: draw,
});
const microphone = createMicrophone({
  toLanguage: () => app.voice?.lang ?? navigator.language,
  toSaying: () => call.last?.speaker?.saying ?? "",
  onChange: draw,
  onWords: () => call.interrupt(),
  onSentence: say,
  onTrouble: warn,
});

/** All that the page shows, and what can be done on it. */
const app = {
  /** Who answers. @type {string} */
  provider: readData().provider,
  call,
  microphone,
  /** Whether answers are read aloud. */
  isSpeaking: false,
  /** The chosen voice. @type {SpeechSynthesisVoice | undefined} */
  voice: undefined,
  /** What is wrong. */
  alert: "",
  get voices() {
    return synth?.getVoices() ?? [];
  },
  say,
  toggleMicrophone() {
    if (microphone.isOn) return microphone.stop();
    speak(true);
    microphone.start();
  },
  toggleSpeaking: () => speak(!app.isSpeaking),
};

/** @typedef {typeof app} App */

function draw() {
  render(view`<${Playground} app=${app} />`, find("main"));
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
  const isTaken = call.say(text);
  // In a low window all of the page scrolls.
  find(".dock").scrollIntoView({ block: "end" });
  if (await isTaken) return;
  // Nothing that was written gets lost. `#words` is a text area, hence the cast.
  const field = /** @type {HTMLTextAreaElement} */ (find("#words"));
  field.value ||= text;
}

/** Reads answers aloud, or no longer. @param {boolean} isOn */
function speak(isOn) {
  app.alert = "";
  app.isSpeaking = isOn && app.voices.length > 0;
  if (!isOn && call.last?.isOpen) call.last.mute();
  draw();
}

function createSpeaker() {
  if (!app.isSpeaking) return undefined;
  return new Speaker({
    synth,
    toUtterance: (text) => new SpeechSynthesisUtterance(text),
    voice: app.voice,
    onProgress: draw,
    onTrouble(problem) {
      speak(false);
      warn(problem);
    },
  });
}

globalThis.addEventListener("hashchange", () => location.reload());
document.addEventListener("keydown", (event) => {
  // Otherwise it closes what lies on top.
  if (event.key === "Escape" && call.interrupt()) event.preventDefault();
});
globalThis.addEventListener("pagehide", () => synth?.cancel());
synth?.addEventListener?.("voiceschanged", draw);

draw();
history.replaceState(null, "", `#${call.id}`);
call.connect();
find("#words").focus();
