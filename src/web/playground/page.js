// @ts-check
/// <reference lib="dom" />
/**
 * The playground's page, put together: the conversation in the middle, and
 * around it what sends, speaks, listens and shows. Each part has its own file.
 *
 * @module
 */
import { byId } from "../dom.js";
import { createCall } from "./call.js";
import { createComposer } from "./composer.js";
import { createDataForm } from "./data_form.js";
import { createDrawers } from "./drawers.js";
import { createInfo } from "./info.js";
import { createKeyboard } from "./keyboard.js";
import { createMicrophone } from "./microphone.js";
import { announce, clearAnnounced, hush, tell, warn } from "./notices.js";
import { createOffline } from "./offline.js";
import { createRaw } from "./raw.js";
import { sendTurn } from "./send.js";
import { createStage } from "./stage.js";
import { createTimes } from "./times.js";
import { createTools } from "./tools.js";
import { createSpeaker } from "./voice_out.js";
import { createVoices } from "./voices.js";

const now = () => performance.now();
const synth = globalThis.speechSynthesis;

const info = createInfo();
const stage = createStage();
const times = createTimes();
const drawers = createDrawers();
const offline = createOffline(reconnect);
const composer = createComposer(say);
const raw = createRaw(byId("raw-list"), (count) => {
  byId("raw-count").textContent = String(count);
});
const speaker = createSpeaker({
  synth,
  toUtterance: (text) => new SpeechSynthesisUtterance(text),
  now,
  onTrouble(problem) {
    voices.turn(false);
    warn(problem);
  },
});
const call = createCall({
  send: sendTurn,
  speaker,
  now,
  onTurn(turn) {
    stage.add(turn);
    show(turn);
  },
  onChange: show,
  onSentence(sentence, turn) {
    // A screen reader would only talk at the same time as the voice.
    if (!turn.isSpoken) announce(sentence.trim());
  },
  onEvent(turn, kind, content) {
    const at = turn ? now() - turn.startedAt : 0;
    raw.add(turn ? `Turn ${turn.number}` : "Data", kind, at, content);
  },
  onTrouble({ isOffline }) {
    if (isOffline) offline.begin();
  },
});
const microphone = createMicrophone({
  speaker,
  onWords: interrupt,
  say,
  answerAloud: () => voices.turn(true),
});
const voices = createVoices({
  synth,
  speaker,
  call,
  onChoice: microphone.renew,
});
const tools = createTools({
  call,
  raw,
  info,
  interrupt,
  begin: () => afresh(open),
  reconnect: () => afresh(reconnect),
  repeat: () => afresh(call.repeat),
  onDone: composer.focus,
});
createDataForm(call.send);
createKeyboard({
  interrupt,
  close: drawers.close,
  hold: microphone.hold,
  release: microphone.release,
  write: composer.focus,
  help: drawers.showShortcuts,
});

/** Shows how a turn stands. @param {import("./turn.js").Turn} turn */
function show(turn) {
  stage.update(turn);
  if (turn.totalMs !== undefined) times.show(stage.turns());
  tools.update();
  document.body.dataset.state = call.isOpen() ? "answering" : "listening";
  const { provider, model } = turn.summary ?? {};
  if (provider) info.showModel(provider, model);
}

/** @param {string} text */
async function say(text) {
  hush();
  composer.keep(text);
  const accepted = await call.say(text);
  if (!accepted) composer.giveBack(text);
}

function interrupt() {
  const wasOpen = call.interrupt();
  if (wasOpen) tell("Interrupted");
  return wasOpen;
}

async function reconnect() {
  offline.end();
  const connected = await call.connect();
  if (connected) {
    tell("Connected");
    info.load();
  }
  composer.focus();
}

/** Does something for which what is in its way goes away. @param {() => void} action */
function afresh(action) {
  hush();
  drawers.closePanel();
  action();
}

/**
 * Opens a conversation and shows it from its beginning.
 *
 * @param {string} [id]
 */
function open(id) {
  const isFirst = call.id() === "";
  call.interrupt();
  stage.clear();
  raw.clear();
  clearAnnounced();
  times.show([]);
  call.open(id);
  const hash = `#${call.id()}`;
  if (isFirst) history.replaceState(null, "", hash);
  else if (location.hash !== hash) history.pushState(null, "", hash);
  byId("resumed").hidden = id === undefined;
  byId("conversation").textContent = call.id();
}

/** The conversation that the address names, if it does. */
function named() {
  return /^#([\w.-]{1,128})$/.exec(location.hash)?.[1];
}

globalThis.addEventListener("hashchange", () => {
  const id = named();
  if (id && id !== call.id()) open(id);
});

voices.load();
info.load();
open(named());
composer.focus();
