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
import { find, takeField } from "../page.js";
import { html as view } from "../preact.js";
import { explainMicrophone } from "./microphone.js";
import { Panel } from "./panel.js";

/** @typedef {{ app: import("./page.js").App }} Props */

/**
 * Who answers: who did so last, or would now. A stand-in gives way to Ollama
 * while the page is open.
 *
 * @param {Props["app"]} app
 */
function findModel({ call, data }) {
  const { provider = data.provider, model = data.model } =
    call.turns.findLast(({ summary }) => summary.provider)?.summary ?? {};
  return { provider, model };
}

/** The end of the page's header. @param {Props} props */
export function Facts({ app }) {
  const { provider, model } = findModel(app);
  const name = nameModel(provider, model);
  return view`
    <span class="model" title="Which model answers">${name}</span>
    <button type="button" class="quiet only-narrow"
      popovertarget="panel">Tools</button>
  `;
}

/** The page's main part. @param {Props} props */
export function Playground({ app }) {
  const { turns, last } = app.call;
  // A screen reader would only talk at the same time as the voice.
  const isRead = last?.state === "complete" && !last.isSpoken;
  const news = last?.state === "failed" ? last.remark : isRead && last.text;
  return view`
    <div class="stage">
      <h1 class="aside">Talk with the agent</h1>
      <section id="scroll" class="scroll" aria-label="What was said" tabindex="0">
        <div>
          ${findModel(app).provider === "echo" && view`<${NoModel} />`}
          <${Turns} turns=${turns} />
        </div>
      </section>
      <div class="dock">
        <p class="alert" id="alert" role="alert" hidden=${!app
    .alert}>${app.alert}</p>
        <${Composer} app=${app} />
        <p class="fine" id="mic-note">${explainMicrophone()}</p>
      </div>
    </div>
    <${Panel} app=${app} />
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

/** @param {Props} props */
function Composer({ app }) {
  const { call, microphone, speaker, voices } = app;
  const isIdle = !call.last?.isOpen;
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
        <button type="button" class="quiet" id="mic" aria-label="Microphone"
          aria-describedby="mic-note" aria-pressed=${`${microphone.isOn}`}
          disabled=${!microphone.isPossible} onClick=${app.toggleMicrophone}>
          <${Icon} path=${MICROPHONE} /> <span class="label">Microphone</span>
        </button>
        <button type="button" class="quiet" id="voice" aria-label="Speak answers"
          aria-pressed=${`${speaker.isOn}`}
          disabled=${voices.length === 0} onClick=${app.toggleSpeaking}>
          <${Icon} path=${LOUDSPEAKER} /> <span class="label">Speak answers</span>
        </button>
        <span class="gap"></span>
        <button type="button" class="quiet" id="interrupt" disabled=${isIdle}
          onClick=${() =>
    call.interrupt()}>Interrupt <kbd aria-hidden="true">Esc</kbd></button>
        <button class="primary" id="send">Send</button>
      </div>
    </form>
  `;
}

const MICROPHONE =
  "M10 2.5a2.75 2.75 0 0 0-2.75 2.75v4a2.75 2.75 0 0 0 5.5 0v-4A2.75 2.75 0 0 0 10 2.5zM4.5 9.5a5.5 5.5 0 0 0 11 0M10 15v2.5";
const LOUDSPEAKER =
  "M3.5 7.75h2.75L10 4.5v11l-3.75-3.25H3.5zM13 7.25a4 4 0 0 1 0 5.5M15.25 5a7 7 0 0 1 0 10";

/** @param {{ path: string }} props */
function Icon({ path }) {
  return view`
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      <path d=${path} />
    </svg>
  `;
}
