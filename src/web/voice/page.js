// @ts-check
/// <reference lib="dom" />
/**
 * The voice page: Layercode's SDK between buttons and text.
 *
 * @module
 */
import { Turns } from "../conversation.js";
import { html as view, render } from "../preact.js";
import { Connection } from "./connection.js";

/** @type {import("./connection.js").PageData} */
const data = JSON.parse(document.body.dataset.page ?? "");
const connection = new Connection(data, draw, (level) => {
  find("#level").style.setProperty("--level", String(level));
});

function draw() {
  const { state, hasMicrophone } = connection;
  const isNew = document.body.dataset.state !== state;
  document.body.dataset.state = state;
  render(view`<${Facts} />`, find("#facts"));
  render(view`<${Voice} />`, find("main"));
  // With a microphone, a phone's keyboard would only be in the way.
  if (isNew && state === "connected" && !hasMicrophone) find("#words").focus();
}

/** @param {string} selector @returns {HTMLElement} */
function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

function Facts() {
  return view`
    <code id="agent" title="The Layercode agent">${data.agentId}</code>
    <span title="Parley's version">${data.version}</span>
  `;
}

function Voice() {
  const { conversationId, turns } = connection;
  return view`
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
      <${Turns} turns=${turns} />
    </section>
    <${Field} />
    <p class="quiet" hidden=${conversationId === ""}>
      Conversation <code id="id">${conversationId}</code>
    </p>
  `;
}

function Controls() {
  const { state, trouble, conversationId, hasSound, isPushed, isTalking } =
    connection;
  const { hasMicrophone, isAudible } = connection;
  const { toggleTalking, setMicrophone, setSound } = connection;
  const label = {
    disconnected: conversationId ? "Reconnect" : "Connect",
    connecting: "Connecting…",
    connected: "Disconnect",
  }[state];
  function onClick() {
    if (state === "disconnected") connection.connect();
    if (state === "connected") connection.disconnect();
  }
  const talk = isTalking ? "Done speaking" : "Speak";
  const kind = trouble ? "trouble" : state;
  const isHeard = state === "connected" && hasMicrophone;
  const isConnecting = state === "connecting";
  const isFixed = !hasSound || isConnecting;
  return view`
    <section class="card" aria-label="Connection">
      <div class="controls">
        <button type="button" class="primary" id="connect" onClick=${onClick}
          aria-disabled=${`${isConnecting}`}>${label}</button>
        <button type="button" aria-pressed=${`${isTalking}`} onClick=${toggleTalking}
          hidden=${!isHeard || !isPushed}>${talk}</button>
        <${Switch} label="Microphone" isOn=${hasMicrophone} isFixed=${isFixed}
          onSwitch=${setMicrophone} />
        <${Switch} label="Sound" isOn=${isAudible} isFixed=${isFixed}
          onSwitch=${setSound} />
      </div>
      <p class="status" id="status" role="status" data-kind=${kind}>${toStatus()}</p>
      <p class="quiet" hidden=${hasSound}>
        Browsers give the microphone only to pages at https or on localhost. Open this page so to
        speak; here you can type.
      </p>
      <div class="level" id="level" hidden=${!isHeard}></div>
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
  return view`
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
  return view`
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
