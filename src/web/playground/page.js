/// <reference lib="dom" />
/**
 * The script of the playground: its state, its actions, and its views, which are
 * the conversation, the field below it, and the tools at the side.
 *
 * @module
 */
import { Details, find, post, readData, takeField, Turns } from "../page.js";
import { html as view, render } from "../preact.js";
import { Call } from "./call.js";
import { createMicrophone } from "./microphone.js";
import { Speaker } from "./speaker.js";
import { toCompletion, toCurl } from "./turn.js";

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
  toLanguage: () => voice?.lang ?? navigator.language,
  toSaying: () => call.last?.speaker?.saying ?? "",
  onChange: draw,
  onWords: () => call.interrupt(),
  onSentence: say,
  onTrouble: warn,
});
/** Whether answers are read aloud. */
let isSpeaking = false;
/** @type {SpeechSynthesisVoice | undefined} */
let voice;
let alert = "";

function getVoices() {
  return synth?.getVoices() ?? [];
}

function draw() {
  render(view`<${Playground} />`, find("main"));
}

/** @param {string} problem */
function warn(problem) {
  alert = problem;
  draw();
}

/** @param {string} text */
async function say(text) {
  alert = "";
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
  alert = "";
  isSpeaking = isOn && getVoices().length > 0;
  if (!isOn && call.last?.isOpen) call.last.mute();
  draw();
}

function toggleMicrophone() {
  if (microphone.isOn) return microphone.stop();
  speak(true);
  microphone.start();
}

function createSpeaker() {
  if (!isSpeaking) return undefined;
  return new Speaker({
    synth,
    toUtterance: (text) => new SpeechSynthesisUtterance(text),
    voice,
    onProgress: draw,
    onTrouble(problem) {
      speak(false);
      warn(problem);
    },
  });
}

function Playground() {
  const { turns, last } = call;
  const { status, remark } = last?.document ?? {};
  // A spoken answer is not announced: a screen reader would talk over the voice.
  const isRead = status === "complete" && !last?.speaker;
  const news = status === "failed" ? remark : isRead && last?.text;
  // Ollama replaces the stand-in as soon as it runs.
  const providers = turns.map(({ summary }) => summary.provider);
  const provider = [readData().provider, ...providers].findLast(Boolean);
  return view`
    <div class="stage">
      <h1 class="aside">Talk with the agent</h1>
      <section id="scroll" class="scroll" aria-label="What was said" tabindex="0">
        <div>
          <p class="note" id="note" hidden=${provider !== "echo"}>
            <strong>No model yet.</strong> A stand-in answers and repeats what it hears. For real
            answers start Ollama, or set <code>GOOGLE_GENERATIVE_AI_API_KEY</code> in .env and start
            Parley again.
          </p>
          <${Turns} turns=${turns.map(({ document }) => document)} />
        </div>
      </section>
      <div class="dock">
        <p class="alert" id="alert" role="alert" hidden=${!alert}>${alert}</p>
        <${Composer} />
      </div>
    </div>
    <${Panel} />
    <p id="live" class="aside" aria-live="polite">${news}</p>
  `;
}

function Composer() {
  const isIdle = `${!call.last?.isOpen}`;
  const note = microphone.isPossible
    ? "Microphone: your browser's speech recognition may send audio to its maker (Chrome to Google, Safari to Apple). Headphones help."
    : "The microphone needs Chrome, Edge or Safari, at https or on localhost.";
  /** @param {SubmitEvent} event */
  function onSubmit(event) {
    const text = takeField(event, "words");
    if (text !== "") say(text);
  }
  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    find("#send").click();
  }
  return view`
    <form class="composer" autocomplete="off" onSubmit=${onSubmit}>
      <p id="interim" class="interim" hidden=${!microphone.isOn}>
        ${microphone.hearing || "Listening…"}
      </p>
      <label class="aside" for="words">What you say</label>
      <textarea id="words" name="words" rows="1" maxlength="20000" placeholder="Say something…"
        enterkeyhint="send" onKeyDown=${onKeyDown}></textarea>
      <div class="keys">
        <${Switch} id="mic" name="Microphone" icon=${MICROPHONE} isOn=${microphone.isOn}
          isPossible=${microphone.isPossible} onClick=${toggleMicrophone} />
        <${Switch} id="voice" name="Speak answers" icon=${LOUDSPEAKER} isOn=${isSpeaking}
          isPossible=${getVoices().length > 0} onClick=${() =>
    speak(!isSpeaking)} />
        <button type="button" class="quiet" id="interrupt" aria-disabled=${isIdle}
          onClick=${() => call.interrupt()}>
          Interrupt <kbd aria-hidden="true">Esc</kbd>
        </button>
        <button class="primary" id="send">Send</button>
      </div>
    </form>
    <p class="fine" id="mic-note">${note}</p>
  `;
}

const MICROPHONE =
  "M10 2.5a2.75 2.75 0 0 0-2.75 2.75v4a2.75 2.75 0 0 0 5.5 0v-4A2.75 2.75 0 0 0 10 2.5zM4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5";
const LOUDSPEAKER =
  "M3.5 7.75h2.75L10 4.5v11l-3.75-3.25H3.5zM13 7.25a4 4 0 0 1 0 5.5M15.25 5a7 7 0 0 1 0 10";

/** @param {{ id: string, name: string, icon: string, isOn: boolean, isPossible: boolean, onClick: () => void }} props */
function Switch({ id, name, icon, isOn, isPossible, onClick }) {
  return view`
    <button type="button" class="quiet" id=${id} aria-label=${name} aria-pressed=${`${isOn}`}
      disabled=${!isPossible} onClick=${onClick}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d=${icon} /></svg>
      <span class="label">${name}</span>
    </button>
  `;
}

function Panel() {
  const voices = getVoices();
  const hasVoices = voices.length > 0;
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    // TypeScript doesn't know the type of an event's element, hence the cast.
    const { value } = /** @type {HTMLSelectElement} */ (currentTarget);
    voice = voices.find(({ voiceURI }) => voiceURI === value);
  }
  const options = voices.map(({ voiceURI, name, lang, default: isDefault }) =>
    view`
      <option value=${voiceURI} selected=${isDefault}>${name} (${lang})</option>
    `
  );
  const place = { origin: location.origin, conversation: call.id };
  const toTurn = () => toCurl(call.last?.request ?? {}, place.origin);
  const toTurns = () => toCompletion(call.turns, place);
  return view`
    <section id="panel" class="panel" aria-label="Tools" popover="auto">
      <button type="button" class="quiet close" popovertarget="panel"
        popovertargetaction="hide">Close</button>
      <h2>Conversation</h2>
      <code id="conversation">${call.id}</code>
      <a class="button" id="new" href="/">New conversation</a>
      <button type="button" id="reconnect" popovertarget="panel" popovertargetaction="hide"
        onClick=${() => call.connect()}>Reconnect</button>
      <h2>Last turn</h2>
      <button type="button" id="repeat" popovertarget="panel" popovertargetaction="hide"
        onClick=${() => call.repeat()}>Repeat</button>
      <${Details} id="curl" summary="As curl" toText=${toTurn} />
      <${Details} id="completion" summary="As chat completions" toText=${toTurns} />
      <h2>Voice</h2>
      <select id="voices" aria-label="The voice that speaks"
        hidden=${!hasVoices} onChange=${onChange}>${options}</select>
      <p class="quiet" hidden=${hasVoices}>
        This browser has no voices, so answers can only be read.
      </p>
    </section>
  `;
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
