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
import { html } from "../preact.js";
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
  return html`
    <span class="model" id="model" title="Which model answers">${nameModel(
      provider,
      model,
    )}</span>
    <button type="button" class="quiet only-narrow"
      popovertarget="panel">Tools</button>
  `;
}

/** The page's main part. @param {Props} props */
export function Playground({ state, actions }) {
  const { call, isResumed, alert } = state;
  const { turns, last } = call;
  const isFresh = turns.length === 1 && last?.request.type !== "message";
  const isQuiet = last?.state === "complete" && !last.isSpoken;
  return html`
    <div class="stage">
      <h1 class="aside">Talk with the agent</h1>
      <section id="scroll" class="scroll" aria-label="What was said" tabindex="0">
        <div class=${isFresh ? "fresh" : ""}>
          ${findModel(state).provider === "echo" && html`<${NoModel} />`}
          ${isResumed && html`<p class="quiet resumed">
            This conversation goes on. What was said before isn't shown here, but the agent knows it.
          </p>`}
          <${Turns} turns=${turns.map(toShown)} />
          ${isFresh && html`<${Hints} onHint=${actions.say} />`}
        </div>
      </section>
      <div class="dock">
        ${alert && html`<p class="alert" id="alert" role="alert">${alert}</p>`}
        <${Composer} state=${state} actions=${actions} />
        <p class="fine" id="mic-note">${explainMicrophone()}</p>
      </div>
    </div>
    <${Panel} state=${state} actions=${actions} />
    <p id="live" class="aside" aria-live="polite">${isQuiet && last.text}</p>
  `;
}

function NoModel() {
  return html`
    <p class="note" id="note">
      <strong>No model yet.</strong> A stand-in answers and repeats what it hears. For real answers
      start Ollama, or set <code>GOOGLE_GENERATIVE_AI_API_KEY</code> in .env and start Parley again.
    </p>
  `;
}

/** @param {{ onHint: (text: string) => void }} props */
function Hints({ onHint }) {
  return html`
    <div class="hints">
      ${HINTS.map((hint) =>
        html`
          <button type="button" onClick=${() => onHint(hint)}>${hint}</button>
        `
      )}
    </div>
  `;
}

/** @param {Props} props */
function Composer({ state, actions }) {
  const { draft, call, microphone } = state;
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
  return html`
    <div class="composer">
      ${microphone.isOn &&
        html`<p id="ghost" class="ghost">${
          microphone.hearing || "Listening…"
        }</p>`}
      <label class="aside" for="words">What you say</label>
      <textarea id="words" rows="1" maxlength="20000" placeholder="Say something…"
        enterkeyhint="send" value=${draft} onInput=${onInput} onKeyDown=${onKeyDown}></textarea>
      <div class="keys">
        <${Voice} state=${state} actions=${actions} />
        <span class="gap"></span>
        <button type="button" class="quiet" id="interrupt" disabled=${!call
          .isOpen}
          onClick=${actions
            .interrupt}>Interrupt <kbd aria-hidden="true">Esc</kbd></button>
        <button type="button" class="primary" id="send" onClick=${send}>Send</button>
      </div>
    </div>
  `;
}

/** The buttons for talking and listening. @param {Props} props */
function Voice({ state: { microphone, speaker, voices }, actions }) {
  return html`
    <button type="button" class="quiet" id="mic" aria-pressed=${String(
      microphone.isOn,
    )}
      aria-label="Microphone" aria-describedby="mic-note" disabled=${!microphone
        .isPossible}
      onClick=${actions.toggleMicrophone}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <rect x="7.25" y="2.5" width="5.5" height="9.5" rx="2.75" />
        <path d="M4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5" />
      </svg>
      <span class="label">Microphone</span>
    </button>
    <button type="button" class="quiet" id="voice" aria-pressed=${String(
      speaker.isOn,
    )}
      aria-label="Speak answers" disabled=${voices.length ===
        0} onClick=${actions.toggleSpeaking}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <path d="M3.5 7.75h2.75L10 4.5v11l-3.75-3.25H3.5z" />
        <path d="M13 7.25a4 4 0 0 1 0 5.5M15.25 5a7 7 0 0 1 0 10" />
      </svg>
      <span class="label">Speak answers</span>
    </button>
  `;
}
