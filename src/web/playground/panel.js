// @ts-check
/// <reference lib="dom" />
/**
 * The tools at the playground's side: what can be done with the conversation,
 * the voice, and data for the agent.
 *
 * @module
 */
import { takeField } from "../page.js";
import { html as view, useState } from "../preact.js";
import { Completion } from "./completion.js";
import { toCurl } from "./curl.js";

/** @typedef {import("./views.js").Props} Props */

/** @param {Props} props */
export function Panel({ app }) {
  return view`
    <section id="panel" class="panel" aria-label="Tools" popover="auto">
      <section>
        <h2>Conversation</h2>
        <p><code id="conversation">${app.call.id}</code></p>
        <div class="menu">
          <button type="button" id="new" onClick=${app.begin}>New conversation</button>
          <button type="button" id="reconnect" onClick=${app.reconnect}>
            Reconnect <small>session.start</small>
          </button>
          <${Curl} app=${app} />
        </div>
      </section>
      <${Voices} app=${app} />
      <${DataForm} call=${app.call} />
      <${Completion} call=${app.call} />
      <p class="foot quiet">Parley ${app.data.version}</p>
    </section>
  `;
}

/** @param {Props} props */
function Curl({ app }) {
  const [label, setLabel] = useState("Copy as curl");
  const [script, setScript] = useState("");
  async function copy() {
    const url = new URL("/agent", location.href).href;
    const { secret } = app.data;
    const text = toCurl(app.call.last?.request ?? {}, { url, secret });
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

const NO_VOICES =
  "This browser has no voices, so answers can only be read. An operating system's settings for speech can add some.";

/** @param {Props} props */
function Voices({ app: { voices, speaker, chooseVoice } }) {
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    // Of an event, TypeScript doesn't know what element it is for.
    chooseVoice(/** @type {HTMLSelectElement} */ (currentTarget).value);
  }
  const options = voices.map(({ voiceURI, name, lang }) =>
    view`<option value=${voiceURI}>${name} (${lang})</option>`
  );
  return view`
    <section>
      <h2>Voice</h2>
      <select id="voices" aria-label="The voice that speaks" value=${speaker.voice?.voiceURI}
        hidden=${voices.length === 0} onChange=${onChange}>${options}</select>
      <p class="quiet" hidden=${voices.length > 0}>${NO_VOICES}</p>
    </section>
  `;
}

/**
 * Sends JSON to the agent as a page would.
 *
 * @param {{ call: import("./call.js").Call }} props
 */
function DataForm({ call }) {
  const [text, setText] = useState('{"page": "rooms"}');
  const [answer, setAnswer] = useState("");
  /** @param {SubmitEvent} event */
  async function onSubmit(event) {
    const json = takeField(event, "data");
    setText(json);
    try {
      setAnswer(await call.sendData(JSON.parse(json)));
    } catch (error) {
      setAnswer(`${error}`);
    }
  }
  return view`
    <details>
      <summary>Send data</summary>
      <form class="data-form" onSubmit=${onSubmit}>
        <label for="data" class="quiet">JSON for the agent, as a page sends it</label>
        <textarea id="data" name="data" rows="2" spellcheck="false">${text}</textarea>
        <button class="small">Send data</button>
        <p id="data-answer" class="quiet" role="status">${answer}</p>
      </form>
    </details>
  `;
}
