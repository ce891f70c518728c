// @ts-check
/// <reference lib="dom" />
/**
 * What the playground looks like: the conversation, below it the field, and at
 * the side the tools.
 *
 * @module
 */
import { Turns } from "../conversation.js";
import { nameModel } from "../figures.js";
import { html as view } from "../preact.js";
import { explainMicrophone } from "./microphone.js";
import { Panel } from "./panel.js";
import { toShown } from "./turn.js";

/** @typedef {{ state: import("./page.js").State, actions: import("./page.js").Actions }} Props */

/** What one could say at the beginning. */
const HINTS = [
  "What can you do?",
  "What time is it in Tokyo?",
  "Please remember that my name is Ada.",
];

/**
 * Who answers: who did so last, or would now. A stand-in gives way to Ollama
 * while the page is open.
 *
 * @param {import("./page.js").State} state
 */
function findModel({ call, data }) {
  const { provider = data.provider, model = data.model } =
    call.turns.findLast(({ summary }) => summary?.provider)?.summary ?? {};
  return { provider, model };
}

/** The end of the page's header. @param {Props} props */
export function Facts({ state }) {
  const { provider, model } = findModel(state);
  const name = nameModel(provider, model);
  return view`
    <span class="model" title="Which model answers">${name}</span>
    <button type="button" class="quiet only-narrow"
      popovertarget="panel">Tools</button>
  `;
}

/** The page's main part. @param {Props} props */
export function Playground({ state, actions }) {
  const { call, isResumed, alert } = state;
  const { turns, last } = call;
  const isFresh = turns.length === 1 && last?.request.type !== "message";
  // A screen reader would only talk at the same time as the voice.
  const isRead = last?.state === "complete" && !last.isSpoken;
  const news = last?.trouble ?? (isRead ? last.text : "");
  return view`
    <div class="stage">
      <h1 class="aside">Talk with the agent</h1>
      <section id="scroll" class="scroll" aria-label="What was said" tabindex="0">
        <div class=${isFresh ? "fresh" : ""}>
          ${findModel(state).provider === "echo" && view`<${NoModel} />`}
          ${isResumed && view`<${Resumed} />`}
          <${Turns} turns=${turns.map(toShown)} />
          ${isFresh && view`<${Hints} onHint=${actions.say} />`}
        </div>
      </section>
      <div class="dock">
        ${alert && view`<p class="alert" id="alert" role="alert">${alert}</p>`}
        <${Composer} state=${state} actions=${actions} />
        <p class="fine" id="mic-note">${explainMicrophone()}</p>
      </div>
    </div>
    <${Panel} state=${state} actions=${actions} />
    <p id="live" class="aside" aria-live="polite">${news}</p>
  `;
}

function NoModel() {
  return view`
    <p class="note" id="note">
      <strong>No model yet.</strong> A stand-in answers and repeats what it hears. For real answers
      start Ollama, or set <code>GOOGLE_GENERATIVE_AI_API_KEY</code> in .env and start Parley again.
    </p>
  `;
}

function Resumed() {
  return view`
    <p class="quiet resumed">
      This conversation goes on. What was said before isn't shown here, but the agent knows it.
    </p>
  `;
}

/** @param {{ onHint: (text: string) => void }} props */
function Hints({ onHint }) {
  const buttons = HINTS.map((hint) =>
    view`<button type="button" onClick=${() => onHint(hint)}>${hint}</button>`
  );
  return view`<div class="hints">${buttons}</div>`;
}

/** @param {Props} props */
function Composer({ state, actions }) {
  const { draft, call, microphone, speaker, voices } = state;
  function send() {
    const text = draft.trim();
    if (text === "") return;
    actions.write("");
    actions.say(text);
  }
  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }
  /** @param {Event} event */
  function onInput({ currentTarget }) {
    actions.write(/** @type {HTMLTextAreaElement} */ (currentTarget).value);
  }
  const isIdle = !call.isOpen;
  const isListening = microphone.isOn;
  const isSpeaking = speaker.isOn;
  const { toggleMicrophone, toggleSpeaking, interrupt } = actions;
  return view`
    <div class="composer">
      ${isListening && view`<${Interim} text=${microphone.hearing} />`}
      <label class="aside" for="words">What you say</label>
      <textarea id="words" rows="1" maxlength="20000" placeholder="Say something…"
        enterkeyhint="send" value=${draft} onInput=${onInput} onKeyDown=${onKeyDown}></textarea>
      <div class="keys">
        <${Key} id="mic" label="Microphone" path=${MICROPHONE} isOn=${isListening}
          note="mic-note" isMissing=${!microphone
    .isPossible} onClick=${toggleMicrophone} />
        <${Key} id="voice" label="Speak answers" path=${LOUDSPEAKER} isOn=${isSpeaking}
          isMissing=${voices.length === 0} onClick=${toggleSpeaking} />
        <span class="gap"></span>
        <button type="button" class="quiet" id="interrupt" disabled=${isIdle}
          onClick=${interrupt}>Interrupt <kbd aria-hidden="true">Esc</kbd></button>
        <button type="button" class="primary" id="send" onClick=${send}>Send</button>
      </div>
    </div>
  `;
}

/** What is just being heard. @param {{ text: string }} props */
function Interim({ text }) {
  return view`<p id="interim" class="interim">${text || "Listening…"}</p>`;
}

const MICROPHONE =
  "M10 2.5a2.75 2.75 0 0 0-2.75 2.75v4a2.75 2.75 0 0 0 5.5 0v-4A2.75 2.75 0 0 0 10 2.5zM4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5";
const LOUDSPEAKER =
  "M3.5 7.75h2.75L10 4.5v11l-3.75-3.25H3.5zM13 7.25a4 4 0 0 1 0 5.5M15.25 5a7 7 0 0 1 0 10";

/**
 * A button that is on or off, with its picture.
 *
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {string} props.path
 * @param {string} [props.note] the id of what explains it
 * @param {boolean} props.isOn
 * @param {boolean} props.isMissing whether the browser can't do it
 * @param {() => void} props.onClick
 */
function Key({ id, label, path, note, isOn, isMissing, onClick }) {
  return view`
    <button type="button" class="quiet" id=${id} aria-label=${label}
      aria-describedby=${note} aria-pressed=${`${isOn}`} disabled=${isMissing} onClick=${onClick}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <path d=${path} />
      </svg>
      <span class="label">${label}</span>
    </button>
  `;
}
