// @ts-check
/// <reference lib="dom" />
/**
 * The tools at the playground's side: how fast the agent is, what can be done
 * with the conversation, the voice, and data for the agent.
 *
 * @module
 */
import { formatMs, median } from "../figures.js";
import { html, useState } from "../preact.js";
import { toCurl } from "./curl.js";

/** @typedef {import("./views.js").Props} Props */

/** @param {Props} props */
export function Panel({ state, actions }) {
  const { call, data } = state;
  return html`
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
      <${DataForm} send=${(/** @type {unknown} */ json) =>
        call.sendData(json)} />
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
  return html`
    <section>
      <h2>Time to first word</h2>
      <p class="big" id="median">${middle === undefined
        ? "–"
        : formatMs(middle)}</p>
      <p class="quiet">
        ${times.length > 1
          ? `Median of ${times.length} turns, in`
          : "Measured in"} your browser
      </p>
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
  return html`
    <button type="button" id="curl" onClick=${copy}>${label}</button>
    ${script && html`
      <textarea id="script" rows="6" readonly
        aria-label="The script, to be copied by hand">${script}</textarea>
    `}
  `;
}

/** @param {Props} props */
function Voices({ state: { voices, speaker }, actions }) {
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    actions.chooseVoice(/** @type {HTMLSelectElement} */ (currentTarget).value);
  }
  return html`
    <section>
      <h2>Voice</h2>
      ${voices.length > 0
        ? html`
          <select id="voices" aria-label="The voice that speaks" onChange=${onChange}
            value=${speaker.voice?.voiceURI}>
            ${voices.map(({ voiceURI, name, lang }) =>
              html`
                <option value=${voiceURI}>${name} (${lang})</option>
              `
            )}
          </select>
          <p class="quiet">
            What it hasn't spoken when you interrupt is struck through, and the agent is told.
          </p>
        `
        : html`
          <p class="quiet">
            This browser has no voices, so answers can only be read. An operating system's settings
            for speech can add some.
          </p>
        `}
    </section>
  `;
}

/**
 * Sends JSON to the agent as a page would.
 *
 * @param {{ send: (json: unknown) => Promise<unknown> }} props
 */
function DataForm({ send }) {
  const [answer, setAnswer] = useState("");
  /** @param {SubmitEvent} event */
  async function onSubmit(event) {
    event.preventDefault();
    const form = new FormData(
      /** @type {HTMLFormElement} */ (event.currentTarget),
    );
    try {
      const got = await send(JSON.parse(String(form.get("data"))));
      setAnswer(`Answer: ${JSON.stringify(got)}`);
    } catch (error) {
      setAnswer(/** @type {Error} */ (error).message);
    }
  }
  return html`
    <details>
      <summary>Send data</summary>
      <form class="data-form" onSubmit=${onSubmit}>
        <label for="data"
          class="quiet">JSON for the agent, as a page sends it</label>
        <textarea id="data" name="data" rows="2"
          spellcheck="false">{"page": "rooms"}</textarea>
        <button class="small">Send data</button>
        <p id="data-answer" class="quiet" role="status">${answer}</p>
      </form>
    </details>
  `;
}
