// @ts-check
/// <reference lib="dom" />
/**
 * The voice page: Layercode's SDK between buttons and text.
 *
 * @module
 */
import { Turns } from "../conversation.js";
import { html, render } from "../preact.js";
import { Connection } from "./connection.js";

/** @type {import("./connection.js").PageData} */
const data = JSON.parse(document.body.dataset.page ?? "");
const connection = new Connection(data, draw, (level) => {
  find("#level")?.style.setProperty("--level", String(level));
});

function draw() {
  const { conversationId, state, turns, hasMicrophone } = connection;
  const isNew = document.body.dataset.state !== state;
  document.body.dataset.state = state;
  render(
    html`
      <div>
        <h1>Talk with the agent</h1>
        <p class="lead">
          Your voice goes straight from this page to <a href="https://layercode.com"
          rel="noreferrer">Layercode</a>, which turns it into text for the agent and speaks the
          answers. The minutes count against the Layercode account of whoever runs this server.
        </p>
      </div>
      <${Controls} />
      <section id="log" class="scroll" aria-label="What was said" tabindex="0">
        ${turns.length > 0
          ? html`<${Turns} turns=${turns} />`
          : html`<p class="empty quiet">What is said appears here.</p>`}
      </section>
      <${Field} />
      ${conversationId !== "" && html`
        <p class="quiet">Conversation <code id="id">${conversationId}</code></p>
      `}
    `,
    find("main"),
  );
  render(
    html`
      <code id="agent" title="The Layercode agent">${data.agentId}</code>
      <span title="Parley's version">${data.version}</span>
    `,
    find("#facts"),
  );
  // With a microphone, a phone's keyboard would only be in the way.
  if (isNew && state === "connected" && !hasMicrophone) find("#words").focus();
}

/** @param {string} selector @returns {HTMLElement} */
function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

function Controls() {
  const { state, trouble, conversationId, hasSound, isPushed, isTalking } =
    connection;
  const { hasMicrophone, isAudible } = connection;
  const label = {
    disconnected: conversationId ? "Reconnect" : "Connect",
    connecting: "Connecting…",
    connected: "Disconnect",
  }[state];
  function onClick() {
    if (state === "disconnected") connection.connect();
    if (state === "connected") connection.disconnect();
  }
  const kind = trouble ? "trouble" : state;
  const isFixed = !hasSound || state === "connecting";
  return html`
    <section class="card" aria-label="Connection">
      <div class="controls">
        <button type="button" class="primary" id="connect" onClick=${onClick}
          aria-disabled=${String(state === "connecting")}>${label}</button>
        ${state === "connected" && isPushed && hasMicrophone && html`
          <button type="button" aria-pressed=${String(isTalking)}
            onClick=${connection.toggleTalking}>
            ${isTalking ? "Done speaking" : "Speak"}
          </button>
        `}
        <${Switch} label="Microphone" isOn=${hasMicrophone} isFixed=${isFixed}
          onSwitch=${connection.setMicrophone} />
        <${Switch} label="Sound" isOn=${isAudible} isFixed=${isFixed}
          onSwitch=${connection.setSound} />
      </div>
      <p class="status" id="status" role="status" data-kind=${kind}>${toStatus()}</p>
      ${!hasSound && html`<p class="quiet">
        Browsers give the microphone only to pages at https or on localhost. Open this page so to
        speak; here you can type.
      </p>`}
      ${state === "connected" && hasMicrophone && html`
        <div class="level" id="level"></div>
      `}
    </section>
  `;
}

function toStatus() {
  const { state, trouble, hasMicrophone, isPushed } = connection;
  if (trouble) return trouble;
  switch (state) {
    case "disconnected":
      return "Not connected.";
    case "connecting":
      return hasMicrophone
        ? "Connecting… Allow the microphone if the browser asks."
        : "Connecting…";
    case "connected":
      if (!hasMicrophone) return "Connected. Type below.";
      return isPushed
        ? "Connected. Press Speak and speak, or type."
        : "Connected. Speak, or type.";
  }
}

/** @param {{ label: string, isOn: boolean, isFixed: boolean, onSwitch: (isOn: boolean) => void }} props */
function Switch({ label, isOn, isFixed, onSwitch }) {
  /** @param {Event} event */
  function onChange({ currentTarget }) {
    onSwitch(/** @type {HTMLInputElement} */ (currentTarget).checked);
  }
  return html`
    <label class="switch">
      <input type="checkbox" role="switch" checked=${isOn} disabled=${isFixed} onChange=${onChange} />
      ${label}
    </label>
  `;
}

function Field() {
  /** @param {SubmitEvent} event */
  function onSubmit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const text = String(new FormData(form).get("words")).trim();
    if (text === "") return;
    form.reset();
    connection.send(text);
  }
  return html`
    <form autocomplete="off" onSubmit=${onSubmit}>
      <fieldset class="composer" disabled=${connection.state !== "connected"}>
        <label class="aside" for="words">What you say</label>
        <input type="text" id="words" name="words" maxlength="4000"
          enterkeyhint="send"
          placeholder="Type instead of speaking" />
        <button class="primary">Send</button>
      </fieldset>
    </form>
  `;
}

draw();
