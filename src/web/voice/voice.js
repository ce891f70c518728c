// @ts-check
/// <reference lib="dom" />
/**
 * The voice page: Layercode's SDK between buttons and text.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */
import { byId } from "../dom.js";
import { createTranscript } from "./transcript.js";
import { readRefusal, sayError, sayRefusal } from "./trouble.js";

const [connect, talk, fresh] = ["connect", "talk", "fresh"].map(byId);
const [microphone, sound, status] = ["microphone", "sound", "status"].map(byId);
const [composer, words, form] = ["composer", "words", "form"].map(byId);
const transcript = createTranscript(byId("log"));

const LOST = "The connection was lost. Reconnect to go on.";

/** The SDK's client, while there is a connection or one is being made. @type {any} */
let client;
/** Kept over a disconnection, so that the next connection goes on with it. */
let conversationId = "";
/** Why the last attempt failed. */
let trouble = "";
/** Whether the connection's end was asked for. */
let leaving = false;
/** Whether the agent is set up to be told when a caller speaks. */
let isPushed = false;
/** Whether the browser lets this page record and play. */
const hasSound = globalThis.isSecureContext && Boolean(navigator.mediaDevices);

const loading = load();
// Told when somebody connects.
loading.catch(() => {});

async function load() {
  const [info, sdk] = await Promise.all([
    fetch("/voice/info"),
    // Fetched first, because a failed import does not tell why.
    fetch("/voice/sdk.js"),
  ]);
  for (const response of [info, sdk]) {
    if (!response.ok) throw await readRefusal(response);
  }
  const settings = await info.json();
  byId("agent").textContent = settings.agentId;
  byId("version").textContent = settings.version;
  // @ts-ignore: it is made when it is asked for
  const { default: Client } = await import("/voice/sdk.js");
  return { Client, settings };
}

/** @param {"disconnected" | "connecting" | "connected"} state @param {string} text */
function show(state, text) {
  document.body.dataset.state = state;
  status.textContent = text;
  status.dataset.kind = trouble === "" ? state : "trouble";
  connect.textContent = {
    disconnected: conversationId ? "Reconnect" : "Connect",
    connecting: "Connecting…",
    connected: "Disconnect",
  }[state];
  connect.setAttribute("aria-disabled", String(state === "connecting"));
  composer.disabled = state !== "connected";
  talk.hidden = state !== "connected" || !isPushed || !microphone.checked;
  for (const input of [microphone, sound]) {
    input.disabled = !hasSound || state === "connecting";
  }
  byId("conversation").hidden = conversationId === "";
  byId("id").textContent = conversationId;
  fresh.hidden = state !== "disconnected";
}

async function start() {
  trouble = "";
  leaving = false;
  show("connecting", "Connecting…");
  let sdk;
  try {
    sdk = await loading;
  } catch (error) {
    trouble = `${sayError(error)} Then reload this page.`;
    return show("disconnected", trouble);
  }
  const { Client, settings } = sdk;
  let socketFailed = false;
  if (microphone.checked) {
    show("connecting", "Connecting… Allow the microphone if the browser asks.");
  }
  client = new Client({
    agentId: settings.agentId,
    conversationId: conversationId || null,
    authorizeSessionEndpoint: "/authorize",
    authorizeSessionRequest: authorize,
    audioInput: microphone.checked,
    audioOutput: sound.checked,
    onConnect,
    onDisconnect,
    onError: /** @param {Error} error */ (error) => {
      const isSocket = /^WebSocket/.test(error.message);
      const isConnected = document.body.dataset.state === "connected";
      socketFailed ||= isSocket;
      trouble ||= isSocket && isConnected ? LOST : sayError(error);
      if (isConnected) show("connected", trouble);
    },
    onMessage: transcript.take,
    onDataMessage: /** @param {any} message */ ({ content }) =>
      transcript.data(content),
    onUserAmplitudeChange: meter("user"),
    onAgentAmplitudeChange: meter("agent"),
    onUserIsSpeakingChange: speaking("user"),
    onAgentSpeakingChange: speaking("agent"),
  });
  if (settings.websocketUrl) client._websocketUrl = settings.websocketUrl;
  const attempt = client;
  await attempt.connect();
  // The SDK cleans up after a socket that failed, and after nothing else.
  if (attempt.status !== "error" || socketFailed) return;
  const stream = attempt.getStream();
  await attempt.disconnect();
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** @param {{ url: string, body: unknown }} request what the SDK would send */
async function authorize({ url, body }) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  // The SDK would tell no more than the status.
  if (!response.ok) trouble = sayRefusal(await readRefusal(response));
  return response;
}

/** @param {{ conversationId: string | null, config: any }} session */
function onConnect({ conversationId: id, config }) {
  transcript.note(id === conversationId ? "Reconnected" : "Connected");
  conversationId = id ?? "";
  isPushed = config?.transcription?.trigger === "push_to_talk";
  const how = microphone.checked
    ? isPushed ? "Press Speak and speak, or type." : "Speak, or type."
    : "Type below.";
  show("connected", `Connected. ${how}`);
  // With a microphone, a phone's keyboard would only be in the way.
  if (!microphone.checked) words.focus();
}

function onDisconnect() {
  client = undefined;
  if (document.body.dataset.state === "connected") {
    transcript.note("Disconnected");
  }
  if (!leaving) trouble ||= LOST;
  press(false);
  show("disconnected", trouble || "Not connected.");
}

/** @param {string} side */
function meter(side) {
  const level = byId(`${side}-level`);
  /** @param {number} amplitude 0 to 1; speech is seldom above 0.3 */
  return (amplitude) =>
    level.style.setProperty("--level", String(Math.min(1, amplitude * 3)));
}

/** @param {string} side */
function speaking(side) {
  return /** @param {boolean} is */ (is) =>
    byId(`${side}-side`).toggleAttribute("data-speaking", is);
}

/** @param {boolean} isDown */
function press(isDown) {
  talk.setAttribute("aria-pressed", String(isDown));
  talk.textContent = isDown ? "Done speaking" : "Speak";
}

connect.addEventListener("click", () => {
  if (document.body.dataset.state === "connecting") return;
  leaving = client !== undefined;
  if (client === undefined) start();
  else client.disconnect();
});

microphone.addEventListener("change", async () => {
  if (document.body.dataset.state !== "connected") return;
  show("connected", status.textContent);
  if (!microphone.checked) return client.mute();
  try {
    await client.unmute();
    // Where the connection was made without it.
    await client.setAudioInput(true);
  } catch {
    // `onError` has been told why, which shows it.
    microphone.checked = false;
    show("connected", trouble);
    await client?.setAudioInput(false);
  }
});

sound.addEventListener("change", () => client?.setAudioOutput(sound.checked));

talk.addEventListener("click", () => {
  const isDown = talk.getAttribute("aria-pressed") !== "true";
  press(isDown);
  if (isDown) client.triggerUserTurnStarted();
  else client.triggerUserTurnFinished();
});

form.addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  const text = words.value.trim();
  if (text === "" || client === undefined) return;
  transcript.type(text);
  words.value = "";
  client.sendClientResponseText(text);
});

fresh.addEventListener("click", () => {
  conversationId = "";
  transcript.clear();
  trouble = "";
  show("disconnected", "Not connected.");
  connect.focus();
});

if (!hasSound) microphone.checked = sound.checked = false;
byId("insecure").hidden = hasSound;
show("disconnected", "Not connected.");
