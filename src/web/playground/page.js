/// <reference lib="dom" />
/**
 * The script of the playground: its state, its actions, and when it is redrawn.
 * The views are in `views.js`.
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
// The address holds the conversation's id, so that a reload continues the
// conversation.
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

/** Everything that the page shows, and its actions. */
const app = {
  /** The name of the provider when the page was loaded. @type {string} */
  provider: readData().provider,
  call,
  microphone,
  /** Whether answers are read aloud. */
  isSpeaking: false,
  /** The chosen voice. @type {SpeechSynthesisVoice | undefined} */
  voice: undefined,
  /** An error message. Empty if there is no error. */
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
  // Scrolls to the end: the element is laid out in reverse, so its end is at 0.
  find("#scroll").scrollTop = 0;
  const isAccepted = call.say(text);
  // In a low window the whole page scrolls.
  find(".dock").scrollIntoView({ block: "end" });
  if (await isAccepted) return;
  // The text goes back into the field, so that the user doesn't lose it. `#words`
  // is a text area, hence the cast.
  const field = /** @type {HTMLTextAreaElement} */ (find("#words"));
  field.value ||= text;
}

/** Switches the reading aloud of answers on or off. @param {boolean} isOn */
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
  // The default action of Escape would also close the panel.
  if (event.key === "Escape" && call.interrupt()) event.preventDefault();
});
globalThis.addEventListener("pagehide", () => synth?.cancel());
synth?.addEventListener?.("voiceschanged", draw);

draw();
history.replaceState(null, "", `#${call.id}`);
call.connect();
find("#words").focus();
