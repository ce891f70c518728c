/// <reference lib="dom" />
/**
 * The views of the playground: the conversation, the field below it, and the
 * tools at the side.
 *
 * @module
 */
import { Details, find, takeField, Turns } from "../page.js";
import { html as view } from "../preact.js";
import { toCompletion, toCurl } from "./turn.js";

/** @typedef {{ app: import("./page.js").App }} Props */

/** The content of the page. @param {Props} props */
export function Playground({ app }) {
  const { alert, call: { turns, last } } = app;
  // A spoken answer is not announced: a screen reader would talk over the voice.
  const { status, remark } = last?.document ?? {};
  const isRead = status === "complete" && !last?.speaker;
  const news = status === "failed" ? remark : isRead && last?.text;
  // The provider may change while the page is open: Ollama replaces the
  // stand-in as soon as it runs.
  const { provider = app.provider } =
    turns.findLast(({ summary }) => summary.provider)?.summary ?? {};
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
        <${Composer} app=${app} />
      </div>
    </div>
    <${Panel} app=${app} />
    <p id="live" class="aside" aria-live="polite">${news}</p>
  `;
}

/** @param {Props} props */
function Composer({ app }) {
  const { call, microphone, isSpeaking, voices } = app;
  const isIdle = `${!call.last?.isOpen}`;
  const note = microphone.isPossible
    ? "Microphone: your browser's speech recognition may send audio to its maker (Chrome to Google, Safari to Apple). Headphones help."
    : "The microphone needs Chrome, Edge or Safari, at https or on localhost.";
  /** @param {SubmitEvent} event */
  function onSubmit(event) {
    const text = takeField(event, "words");
    if (text !== "") app.say(text);
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
          isPossible=${microphone.isPossible} onClick=${app.toggleMicrophone} />
        <${Switch} id="voice" name="Speak answers" icon=${LOUDSPEAKER} isOn=${isSpeaking}
          isPossible=${voices.length > 0} onClick=${app.toggleSpeaking} />
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

/**
 * A toggle button.
 *
 * @param {{ id: string, name: string, icon: string, isOn: boolean, isPossible: boolean, onClick: () => void }} props
 */
function Switch({ id, name, icon, isOn, isPossible, onClick }) {
  return view`
    <button type="button" class="quiet" id=${id} aria-label=${name} aria-pressed=${`${isOn}`}
      disabled=${!isPossible} onClick=${onClick}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d=${icon} /></svg>
      <span class="label">${name}</span>
    </button>
  `;
}

/** The tools at the side. @param {Props} props */
function Panel({ app }) {
  const { call, voices } = app;
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    // TypeScript doesn't know the type of an event's element, hence the cast.
    const { value } = /** @type {HTMLSelectElement} */ (currentTarget);
    app.voice = voices.find(({ voiceURI }) => voiceURI === value);
  }
  const options = voices.map(({ voiceURI, name, lang, default: isDefault }) =>
    view`
      <option value=${voiceURI} selected=${isDefault}>${name} (${lang})</option>
    `
  );
  const hasVoices = voices.length > 0;
  const { origin } = location;
  const toTurn = () => toCurl(call.last?.request ?? {}, origin);
  const toTurns = () =>
    toCompletion(call.turns, { origin, conversation: call.id });
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
