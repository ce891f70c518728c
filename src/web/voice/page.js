/// <reference lib="dom" />
/**
 * The script of the voice page: controls for Layercode's SDK, and the
 * conversation as text.
 *
 * @module
 */
import { find, readData, takeField, Turns } from "../page.js";
import { html as view, render } from "../preact.js";
import { Connection } from "./connection.js";

const connection = new Connection(readData(), draw);

function draw() {
  render(view`<${Voice} />`, find("main"));
}

function Voice() {
  const { conversationId, turns, state } = connection;
  return view`
    <h1>Talk with the agent</h1>
    <p class="lead" hidden=${conversationId !== ""}>
      Your voice goes straight from this page to <a href="https://layercode.com"
      rel="noreferrer">Layercode</a>, which turns it into text for the agent and speaks the
      answers. The minutes count against the Layercode account of whoever runs this server.
    </p>
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
  const { state, trouble, isPushToTalk, isTalking, hasAudio } = connection;
  const { hasMicrophone, toggleMicrophone, toggleTalking } = connection;
  const isConnecting = state === "connecting";
  const kind = state !== "connected" && "primary";
  const mayTalk = state === "connected" && hasMicrophone && isPushToTalk;
  function onClick() {
    if (state === "disconnected") connection.connect();
    if (state === "connected") connection.disconnect();
  }
  return view`
    <section class="card" aria-label="Connection">
      <div class="row">
        <button type="button" class=${kind} id="connect" onClick=${onClick}
          aria-disabled=${`${isConnecting}`}>${toLabel()}</button>
        <button type="button" aria-pressed=${`${isTalking}`} onClick=${toggleTalking}
          hidden=${!mayTalk}>${isTalking ? "Done speaking" : "Speak"}</button>
        <label class="row">
          <input type="checkbox" role="switch" checked=${hasMicrophone}
            disabled=${
    !hasAudio || isConnecting
  } onChange=${toggleMicrophone} />
          Microphone
        </label>
      </div>
      <p class="status" id="status" role="status"
        data-kind=${trouble ? "trouble" : state}>${trouble || toStatus()}</p>
      <p class="quiet" hidden=${hasAudio}>
        Browsers allow the microphone only at https or on localhost. Open this page there to
        speak; here you can type.
      </p>
    </section>
  `;
}

function toLabel() {
  const { state, conversationId } = connection;
  if (state === "connecting") return "Connecting…";
  if (state === "connected") return "Disconnect";
  return conversationId ? "Reconnect" : "Connect";
}

function toStatus() {
  const { state, hasMicrophone, isPushToTalk } = connection;
  if (state === "disconnected") return "Not connected.";
  if (state === "connecting") {
    return "Allow the microphone if the browser asks.";
  }
  if (!hasMicrophone) return "Connected. Type below.";
  const verb = isPushToTalk ? "Press Speak and speak" : "Speak";
  return `Connected. ${verb}, or type.`;
}

draw();
