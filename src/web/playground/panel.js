// @ts-check
/// <reference lib="dom" />
/**
 * The tools at the playground's side: how fast the agent is, what can be done
 * with the conversation, the voice, and data for the agent.
 *
 * @module
 */
import { formatMs, median } from "../figures.js";
import { html as view, useState } from "../preact.js";
import { Completion } from "./completion.js";
import { toCurl } from "./curl.js";

/** @typedef {import("./views.js").Props} Props */

/** @param {Props} props */
export function Panel({ state, actions }) {
  const { call, data } = state;
  return view`
    <section id="panel" class="panel" aria-label="Tools" popover="auto">
      <${Median} turns=${call.turns} />
      <section>
        <h2>Conversation</h2>
        <p><code id="conversation">${call.id}</code></p>
        <div class="menu">
          <button type="button" id="new"
            onClick=${actions.begin}>New conversation</button>
          <button type="button" id="reconnect" onClick=${actions.reconnect}>
            Reconnect <small>session.start</small>
          </button>
          <${Curl} request=${call.last?.request} secret=${data.secret} />
        </div>
      </section>
      <${Voices} state=${state} actions=${actions} />
      <${DataForm} call=${call} />
      <${Completion} call=${call} />
      <p class="foot">Parley ${data.version}</p>
    </section>
  `;
}

/**
 * The time to the first word, over the answers to a caller.
 *
 * @param {{ turns: readonly import("./turn.js").Turn[] }} props
 */
function Median({ turns }) {
  const times = turns.flatMap(({ request, totalMs, firstMs }) =>
    request.type === "message" && totalMs !== undefined ? firstMs ?? [] : []
  );
  const middle = median(times);
  const figure = middle === undefined ? "–" : formatMs(middle);
  return view`
    <section>
      <h2>Time to first word</h2>
      <p class="big" id="median">${figure}</p>
      <p class="quiet">Median of ${times.length} turns, in your browser</p>
    </section>
  `;
}

/**
 * @param {object} props
 * @param {Record<string, unknown> | undefined} props.request the newest turn's
 * @param {import("./page.js").PageData["secret"]} props.secret
 */
function Curl({ request, secret }) {
  const [label, setLabel] = useState("Copy as curl");
  const [script, setScript] = useState("");
  async function copy() {
    const url = new URL("/agent", location.href).href;
    const text = toCurl(request ?? {}, { url, secret });
    try {
      await navigator.clipboard.writeText(text);
      setLabel("Copied");
      setTimeout(setLabel, 1_500, "Copy as curl");
    } catch {
      // Browsers let a page copy at https or localhost alone.
      setScript(text);
    }
  }
  return view`
    <button type="button" id="curl" onClick=${copy}>${label}</button>
    <textarea id="script" rows="6" readonly aria-label="The script, to be copied by hand"
      hidden=${script === ""} value=${script}></textarea>
  `;
}

/** @param {Props} props */
function Voices({ state: { voices, speaker }, actions }) {
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    actions.chooseVoice(/** @type {HTMLSelectElement} */ (currentTarget).value);
  }
  const uri = speaker.voice?.voiceURI;
  return view`
    <section>
      <h2>Voice</h2>
      <select id="voices" aria-label="The voice that speaks" value=${uri}
        hidden=${voices.length === 0} onChange=${onChange}>
        ${voices.map(toOption)}
      </select>
      <p class="quiet">${voices.length === 0 ? NO_VOICES : UNHEARD}</p>
    </section>
  `;
}

const UNHEARD =
  "What it hasn't spoken when you interrupt is struck through, and the agent is told.";
const NO_VOICES =
  "This browser has no voices, so answers can only be read. An operating system's settings for speech can add some.";

/** @param {SpeechSynthesisVoice} voice */
function toOption({ voiceURI, name, lang }) {
  return view`<option value=${voiceURI}>${name} (${lang})</option>`;
}

/**
 * Sends JSON to the agent as a page would.
 *
 * @param {{ call: import("./call.js").Call }} props
 */
function DataForm({ call }) {
  const [answer, setAnswer] = useState("");
  /** @param {SubmitEvent} event */
  async function onSubmit(event) {
    event.preventDefault();
    const form = new FormData(
      /** @type {HTMLFormElement} */ (event.currentTarget),
    );
    try {
      const got = await call.sendData(JSON.parse(String(form.get("data"))));
      setAnswer(`Answer: ${JSON.stringify(got)}`);
    } catch (error) {
      setAnswer(/** @type {Error} */ (error).message);
    }
  }
  return view`
    <details>
      <summary>Send data</summary>
      <form class="data-form" onSubmit=${onSubmit}>
        <label for="data" class="quiet">JSON for the agent, as a page sends it</label>
        <textarea id="data" name="data" rows="2" spellcheck="false">{"page": "rooms"}</textarea>
        <button class="small">Send data</button>
        <p id="data-answer" class="quiet" role="status">${answer}</p>
      </form>
    </details>
  `;
}
