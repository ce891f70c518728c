/// <reference lib="dom" />
/**
 * The script of the voice page: the connection, and the conversation as text.
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
      Browsers allow the microphone only at https or on localhost.
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
  const { state, trouble, conversationId } = connection;
  const { label, status } = {
    disconnected: {
      label: conversationId ? "Reconnect" : "Connect",
      status: "Not connected.",
    },
    connecting: {
      label: "Connecting…",
      status: "Allow the microphone if the browser asks.",
    },
    connected: { label: "Disconnect", status: "Connected. Speak, or type." },
  }[state];
  function onClick() {
    if (state === "disconnected") connection.connect();
    if (state === "connected") connection.disconnect();
  }
  return view`
    <section class="card row" aria-label="Connection">
      <button type="button" class=${
    state !== "connected" && "primary"
  } onClick=${onClick}
        aria-disabled=${`${state === "connecting"}`}>${label}</button>
      <p class="status" id="status" role="status"
        data-kind=${trouble ? "trouble" : state}>${trouble || status}</p>
    </section>
  `;
}

draw();
