// @ts-check
/// <reference lib="dom" />
/**
 * The voice page: Layercode's SDK between buttons and text.
 *
 * @module
 */
import { Turns } from "../conversation.js";
import { drawPage, find, readData, takeField } from "../page.js";
import { html as view } from "../preact.js";
import { Connection } from "./connection.js";

/** @type {import("./connection.js").PageData} */
const data = readData();
const connection = new Connection(data, {
  onChange: draw,
  onLevel: (level) => find("#level").style.setProperty("--level", `${level}`),
});

function draw() {
  const { state, hasMicrophone } = connection;
  const isNew = document.body.dataset.state !== state;
  document.body.dataset.state = state;
  drawPage(
    view`<${Voice} />`,
    view`
      <code id="agent" title="The Layercode agent">${data.agentId}</code>
      <span title="Parley's version">${data.version}</span>
    `,
  );
  // With a microphone, a phone's keyboard would only be in the way.
  if (isNew && state === "connected" && !hasMicrophone) find("#words").focus();
}

function Voice() {
  const { conversationId, turns, state } = connection;
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
    <form autocomplete="off" onSubmit=${send}>
      <fieldset class="row" disabled=${state !== "connected"}>
        <label class="aside" for="words">What you say</label>
        <input type="text" id="words" name="words" maxlength="4000" enterkeyhint="send"
          placeholder="Type instead of speaking" />
        <button class="primary">Send</button>
      </fieldset>
    </form>
    <p class="quiet" hidden=${conversationId === ""}>
      Conversation <code id="id">${conversationId}</code>
    </p>
  `;
}

/** @param {SubmitEvent} event */
function send(event) {
  const text = takeField(event, "words");
  if (text !== "") connection.send(text);
}

function Controls() {
  const { state, trouble, conversationId, isPushed, isTalking } = connection;
  const { hasSound, hasMicrophone, toggleMicrophone } = connection;
  const isConnecting = state === "connecting";
  const isHeard = state === "connected" && hasMicrophone;
  const label = {
    disconnected: conversationId ? "Reconnect" : "Connect",
    connecting: "Connecting…",
    connected: "Disconnect",
  }[state];
  function onClick() {
    if (state === "disconnected") connection.connect();
    if (state === "connected") connection.disconnect();
  }
  return view`
    <section class="card" aria-label="Connection">
      <div class="row">
        <button type="button" class="primary" id="connect" onClick=${onClick}
          aria-disabled=${`${isConnecting}`}>${label}</button>
        <button type="button" aria-pressed=${`${isTalking}`} onClick=${connection.toggleTalking}
          hidden=${!isHeard || !isPushed}>${
    isTalking ? "Done speaking" : "Speak"
  }</button>
        <label class="switch">
          <input type="checkbox" role="switch" checked=${hasMicrophone}
            disabled=${
    !hasSound || isConnecting
  } onChange=${toggleMicrophone} />
          Microphone
        </label>
      </div>
      <p class="status" id="status" role="status"
        data-kind=${trouble ? "trouble" : state}>${trouble || toStatus()}</p>
      <p class="quiet" hidden=${hasSound}>
        Browsers give the microphone only to pages at https or on localhost. Open this page so to
        speak; here you can type.
      </p>
      <div class="level" id="level" hidden=${!isHeard}></div>
    </section>
  `;
}

function toStatus() {
  const { state, hasMicrophone, isPushed } = connection;
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

draw();
