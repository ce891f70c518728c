// @ts-check
/// <reference lib="dom" />
/**
 * The playground's page: what the buttons and keys do, and what is shown when.
 *
 * @module
 */
import { createCall } from "./call.js";
import {
  describe,
  drawConversation,
  formatMs,
  median,
  toScale,
} from "./chart.js";
import { toCurl } from "./curl.js";
import { byId, copyText, element } from "./dom.js";
import { ownWords } from "./heard.js";
import { createRaw } from "./raw.js";
import { createTurnView } from "./view.js";
import { createListener } from "./voice_in.js";
import { createSpeaker, sortVoices } from "./voice_out.js";

/** @typedef {import("./call.js").Turn} Turn */

const words = byId("words");
const scroll = byId("scroll");
const alertBox = byId("alert");
const now = () => performance.now();

/** @type {{ version: string, provider: string, model?: string, secret: { variable: string } | { file: string }, pages: { voice: boolean, sessions: boolean } } | undefined} */
let info;
/** @type {Map<Turn, import("./view.js").TurnView>} */
const views = new Map();
let scaleMs = 0;
/** @type {string[]} */
const said = [];

// ── The conversation ────────────────────────────────────────────────────────

const raw = createRaw(byId("raw-list"), (count) => {
  byId("raw-count").textContent = String(count);
});

const synth = globalThis.speechSynthesis;
const speaker = createSpeaker({
  synth,
  toUtterance: (text) => new SpeechSynthesisUtterance(text),
  now,
  onTrouble(problem) {
    setVoice(false);
    warn(problem);
  },
});

const call = createCall({
  speaker,
  now,
  onTurn(turn) {
    const view = createTurnView(turn);
    views.set(turn, view);
    byId("turns").append(view.root);
    const isFresh = views.size === 1 && turn.request.type !== "message";
    document.body.classList.toggle("fresh", isFresh);
    byId("hints").hidden = !isFresh;
    isAtEnd = true;
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
    if (isOffline) goOffline();
  },
});

/** Whoever reads the end stays there, whatever comes and changes its size. */
let isAtEnd = true;

scroll.addEventListener("scroll", () => {
  const below = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
  isAtEnd = below < 80;
});
new ResizeObserver(() => {
  if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
}).observe(scroll);

/** @param {Turn} turn */
function show(turn) {
  rescale();
  views.get(turn)?.update(scaleMs);
  if (turn.totalMs !== undefined) showTimes();
  const isOpen = call.isOpen();
  byId("interrupt").disabled = !isOpen;
  byId("repeat").disabled = isOpen || call.last() === undefined;
  document.body.dataset.state = isOpen ? "answering" : "listening";
  if (turn.summary?.provider) {
    showModel(turn.summary.provider, turn.summary.model);
  }
  if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
}

/** All bars have one scale, so that turns can be compared. */
function rescale() {
  const wanted = toScale([...views.keys()]);
  if (wanted === scaleMs) return;
  scaleMs = wanted;
  for (const view of views.values()) view.update(scaleMs);
}

let shownTimes = "";

function showTimes() {
  const timed = [...views.keys()].filter((turn) =>
    turn.request.type === "message" && turn.totalMs !== undefined
  );
  const key = timed.map(describe).join();
  if (key === shownTimes && key !== "") return;
  shownTimes = key;
  const chart = drawConversation(timed);
  byId("chart").replaceChildren(chart.svg);
  byId("scale").textContent = timed.length > 0 ? formatMs(chart.scaleMs) : "";
  const firsts = timed.flatMap(({ firstMs }) => firstMs ?? []);
  const middle = median(firsts);
  byId("median").textContent = middle === undefined ? "–" : formatMs(middle);
  byId("median-note").textContent = firsts.length > 1
    ? `Median of ${firsts.length} turns, in your browser`
    : "Measured in your browser";
}

/** @param {string} sentence */
function announce(sentence) {
  byId("live").append(element("span", {}, [`${sentence} `]));
  while (byId("live").childElementCount > 20) {
    byId("live").firstElementChild.remove();
  }
}

/** @param {string} text */
function tell(text) {
  byId("status").textContent = text;
}

/**
 * Opens a conversation and shows it from its beginning.
 *
 * @param {string} [id]
 */
async function open(id) {
  call.interrupt();
  views.clear();
  raw.clear();
  byId("turns").replaceChildren();
  byId("live").replaceChildren();
  scaleMs = 0;
  shownTimes = "";
  const isFirst = call.id() === "";
  const opened = call.open(id);
  const hash = `#${call.id()}`;
  if (isFirst) history.replaceState(null, "", hash);
  else if (location.hash !== hash) history.pushState(null, "", hash);
  byId("resumed").hidden = id === undefined;
  byId("conversation").textContent = call.id();
  showTimes();
  await opened;
}

/** @param {string} text */
async function say(text) {
  hush();
  said.push(text);
  const accepted = await call.say(text);
  // Nothing that was written gets lost.
  if (!accepted && words.value === "") setWords(text);
}

function interrupt() {
  const wasOpen = call.interrupt();
  if (wasOpen) tell("Interrupted");
  return wasOpen;
}

// ── Out of reach ────────────────────────────────────────────────────────────

/** @type {ReturnType<typeof setInterval> | undefined} */
let offline;

function goOffline() {
  byId("model").dataset.offline = "";
  warn(
    "Parley can't be reached. Start it again (deno task start); your words are kept in the field.",
    ["Reconnect", reconnect],
  );
  if (offline !== undefined) return;
  const mine = offline = setInterval(async () => {
    const isBack = await fetch("/health").then(({ ok }) => ok, () => false);
    if (!isBack || offline !== mine) return;
    goOnline();
    warn("Parley is back. Reconnect to go on where you were.", [
      "Reconnect",
      reconnect,
    ]);
  }, 3_000);
}

function goOnline() {
  clearInterval(offline);
  offline = undefined;
  delete byId("model").dataset.offline;
}

async function reconnect() {
  hush();
  goOnline();
  const connected = await call.connect();
  if (connected) {
    tell("Connected");
    loadInfo();
  }
  words.focus();
}

/**
 * @param {string} text
 * @param {[label: string, action: () => void]} [offer]
 */
function warn(text, offer) {
  alertBox.replaceChildren(element("span", {}, [text]));
  if (offer) {
    const button = element("button", { type: "button", class: "small" }, [
      offer[0],
    ]);
    button.addEventListener("click", offer[1]);
    alertBox.append(button);
  }
  alertBox.hidden = false;
}

function hush() {
  alertBox.hidden = true;
}

// ── Text ────────────────────────────────────────────────────────────────────

/** @param {string} text */
function setWords(text) {
  words.value = text;
  fit();
}

/** As high as its text. */
function fit() {
  words.style.height = "auto";
  words.style.height = `${words.scrollHeight}px`;
}

function submit() {
  const text = words.value.trim();
  if (text === "") return;
  setWords("");
  say(text);
}

words.addEventListener("input", fit);
words.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
  if (event.key === "ArrowUp" && words.value === "" && said.length > 0) {
    event.preventDefault();
    setWords(said.at(-1) ?? "");
  }
});
byId("composer").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  submit();
  words.focus();
});

for (
  const hint of [
    "What can you do?",
    "What time is it in Tokyo?",
    "Please remember that my name is Ada.",
  ]
) {
  const button = element("button", { type: "button" }, [hint]);
  button.addEventListener("click", () => {
    say(hint);
    words.focus();
  });
  byId("hints").append(button);
}

// ── Voice out ───────────────────────────────────────────────────────────────

/** @type {SpeechSynthesisVoice[]} */
let voices = [];
const KEPT_VOICE = "parley-voice";

function loadVoices() {
  const select = byId("voices");
  voices = sortVoices(synth?.getVoices() ?? [], navigator.languages);
  select.replaceChildren(
    ...voices.map((voice) =>
      element("option", { value: voice.voiceURI }, [
        `${voice.name} (${voice.lang})`,
      ])
    ),
  );
  select.hidden = voices.length === 0;
  byId("voice").disabled = voices.length === 0;
  byId("voice-note").textContent = voices.length === 0
    ? "This browser has no voices, so answers can only be read. An operating system's settings for speech can add some."
    : "What it hasn't spoken when you interrupt is struck through, and the agent is told.";
  const kept = recall();
  const chosen = voices.find(({ voiceURI }) => voiceURI === kept) ??
    voices.find((voice) => voice.default) ?? voices[0];
  if (chosen) select.value = chosen.voiceURI;
  speaker.choose(chosen);
  renewListener();
}

function recall() {
  try {
    return localStorage.getItem(KEPT_VOICE);
  } catch {
    // Where the browser keeps nothing, the choice lasts as long as the page.
    return null;
  }
}

/** @param {string} voice */
function remember(voice) {
  try {
    localStorage.setItem(KEPT_VOICE, voice);
  } catch {
    // As above.
  }
}

/** @param {boolean} on */
function setVoice(on) {
  if (!on) call.mute();
  speaker.turn(on);
  byId("voice").setAttribute("aria-pressed", String(on));
}

synth?.addEventListener?.("voiceschanged", loadVoices);
byId("voices").addEventListener("change", () => {
  const { value } = byId("voices");
  remember(value);
  speaker.choose(voices.find(({ voiceURI }) => voiceURI === value));
  renewListener();
});
byId("voice").addEventListener("click", () => {
  hush();
  setVoice(!speaker.isOn());
  // The welcome came before the browser would have let it be spoken.
  const isWelcome = views.size === 1 &&
    call.last()?.request.type === "session.start";
  if (speaker.isOn() && isWelcome) call.readAloud();
});
globalThis.addEventListener("pagehide", () => synth?.cancel());

// ── Voice in ────────────────────────────────────────────────────────────────

const { SpeechRecognition, webkitSpeechRecognition } = /** @type {any} */ (
  globalThis
);
const Recognition = SpeechRecognition ?? webkitSpeechRecognition;
const mic = byId("mic");
const ghost = byId("ghost");
/** What the agent said while the microphone heard it. */
let overheard = "";

const listener = createListener({
  Recognition,
  language: () => speaker.locale() ?? navigator.language,
  onInterim(text) {
    const own = withoutEcho(text);
    if (own !== "" && call.isOpen()) interrupt();
    showGhost(own);
  },
  onFinal(text) {
    const own = withoutEcho(text);
    overheard = "";
    if (own !== "") say(own);
  },
  onState(isListening) {
    mic.setAttribute("aria-pressed", String(isListening));
    tell(isListening ? "Listening" : "Microphone off");
    showGhost("");
  },
  onTrouble: (problem) => warn(problem),
});

/** @param {string} text */
function withoutEcho(text) {
  const saying = speaker.saying();
  if (!overheard.endsWith(saying)) overheard = `${overheard} ${saying}`;
  return overheard === "" ? text : ownWords(text, overheard);
}

/** @param {string} text */
function showGhost(text) {
  ghost.hidden = !listener.isOn();
  ghost.textContent = text || "Listening…";
}

async function renewListener() {
  if (!Recognition || !isSecureContext) return;
  const isLocal = await listener.renew();
  byId("mic-note").textContent = isLocal
    ? "Microphone: speech is recognised on this device, audio stays here. Headphones help."
    : "Microphone: your browser's speech recognition may send audio to its maker (Chrome to Google, Safari to Apple). Headphones help.";
}

function setUpMic() {
  if (Recognition && isSecureContext) return;
  mic.disabled = true;
  byId("mic-note").textContent = Recognition
    ? "The microphone needs https or localhost: open this page on the machine that Parley runs on."
    : "This browser has no speech recognition, so there is no microphone here. Chrome, Edge and Safari have it.";
}

mic.addEventListener("click", () => {
  hush();
  if (listener.isOn()) return listener.stop();
  if (!speaker.isOn() && voices.length > 0) setVoice(true);
  overheard = "";
  listener.start();
});

// ── Tools ───────────────────────────────────────────────────────────────────

/**
 * Copies, and says so on the button.
 *
 * @param {string} id the button's
 * @param {string} text
 */
async function copy(id, text) {
  if (!await copyText(text)) {
    byId("by-hand-text").value = text;
    byId("by-hand").showModal();
    byId("by-hand-text").select();
    return;
  }
  const button = byId(id);
  const label = button.dataset.label ??= button.textContent;
  button.textContent = "Copied";
  tell("Copied");
  setTimeout(() => button.textContent = label, 1_500);
}

byId("interrupt").addEventListener("click", () => {
  interrupt();
  words.focus();
});
byId("new").addEventListener("click", () => {
  hush();
  closePanel();
  open();
  words.focus();
});
byId("reconnect").addEventListener("click", () => {
  closePanel();
  reconnect();
});
byId("repeat").addEventListener("click", () => {
  hush();
  closePanel();
  call.repeat();
  words.focus();
});
byId("copy-id").addEventListener("click", () => copy("copy-id", call.id()));
byId("curl").addEventListener("click", async () => {
  if (!info) await loadInfo();
  const turn = call.last();
  if (!turn || !info) return;
  const url = new URL("/agent", location.href).href;
  copy("curl", toCurl(turn.request, { url, secret: info.secret }));
});
byId("raw-copy").addEventListener("click", () => copy("raw-copy", raw.text()));
byId("raw-clear").addEventListener("click", raw.clear);
byId("raw-close").addEventListener("click", () => setRaw(false));
byId("raw-toggle").addEventListener("click", () => {
  setRaw(byId("raw").hidden);
});
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("panel-toggle").addEventListener("click", () => {
  const isOpen = byId("panel").toggleAttribute("data-open");
  byId("panel-toggle").setAttribute("aria-expanded", String(isOpen));
});

function closePanel() {
  const wasOpen = byId("panel").hasAttribute("data-open");
  byId("panel").removeAttribute("data-open");
  byId("panel-toggle").setAttribute("aria-expanded", "false");
  return wasOpen;
}

/** @param {boolean} on */
function setRaw(on) {
  byId("raw").hidden = !on;
  document.body.classList.toggle("with-raw", on);
  closePanel();
  byId("raw-toggle").setAttribute("aria-expanded", String(on));
  const list = byId("raw-list");
  list.scrollTop = list.scrollHeight;
  const toggle = byId("raw-toggle").checkVisibility()
    ? byId("raw-toggle")
    : byId("panel-toggle");
  (on ? byId("raw-close") : toggle).focus();
}

byId("data-form").addEventListener("submit", async (
  /** @type {Event} */ event,
) => {
  event.preventDefault();
  const answer = byId("data-answer");
  try {
    answer.textContent = "Sent…";
    const got = await call.send(JSON.parse(byId("data").value));
    answer.textContent = `Answer: ${JSON.stringify(got)}`;
  } catch (error) {
    answer.textContent = error instanceof SyntaxError
      ? "This is not JSON: names and texts need double quotes."
      : String(/** @type {Error} */ (error).message);
  }
});

// ── Keys ────────────────────────────────────────────────────────────────────

let isHeld = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.isComposing) return;
  const target = /** @type {HTMLElement} */ (event.target);
  const isFree = !target.closest("input, textarea, select, button, a, summary");
  if (document.querySelector("dialog[open]")) return;
  switch (event.key) {
    case "Escape":
      if (interrupt()) event.preventDefault();
      else if (!byId("raw").hidden) setRaw(false);
      else if (closePanel()) byId("panel-toggle").focus();
      break;
    case " ":
      if (!isFree) break;
      event.preventDefault();
      if (event.repeat || isHeld) break;
      isHeld = true;
      interrupt();
      if (!mic.disabled && !listener.isOn()) listener.start();
      else isHeld = false;
      break;
    case "/":
      if (!isFree && !target.closest("button, a")) break;
      event.preventDefault();
      words.focus();
      break;
    case "?":
      if (target.closest("input, textarea, select")) break;
      byId("keys").showModal();
      break;
  }
});
document.addEventListener("keyup", ({ key }) => {
  if (key !== " " || !isHeld) return;
  isHeld = false;
  listener.finish();
});

// ── The beginning ───────────────────────────────────────────────────────────

/**
 * @param {string} provider
 * @param {string} [model]
 */
function showModel(provider, model) {
  const text = model && model !== provider
    ? `${provider} · ${model}`
    : provider;
  if (byId("model").textContent !== text) byId("model").textContent = text;
}

async function loadInfo() {
  try {
    const response = await fetch("/playground/info");
    if (!response.ok) return;
    const loaded = info = await response.json();
    showModel(loaded.provider, loaded.model);
    byId("version").textContent = `Parley ${loaded.version}`;
    const links = [
      ...loaded.pages.voice ? [["/voice", "Talk through Layercode"]] : [],
      ...loaded.pages.sessions ? [["/sessions", "Sessions"]] : [],
    ];
    for (const [href = "", label = ""] of links) {
      if (byId("pages").querySelector(`[href="${href}"]`)) continue;
      byId("pages").append(element("a", { href }, [label]));
    }
    const note = byId("note");
    note.hidden = loaded.provider !== "echo";
    note.replaceChildren(
      element("strong", {}, ["No model yet. "]),
      "A stand-in answers and repeats what it hears. For real answers set ",
      element("code", {}, ["GOOGLE_GENERATIVE_AI_API_KEY"]),
      " in .env or start Ollama, then start Parley again.",
    );
  } catch {
    // Out of reach; the first turn says so.
  }
}

/** The conversation that the address names, if it does. */
function named() {
  return /^#([\w.-]{1,128})$/.exec(location.hash)?.[1];
}

globalThis.addEventListener("hashchange", () => {
  const id = named();
  if (id && id !== call.id()) open(id);
});

setUpMic();
loadVoices();
loadInfo();
open(named());
words.focus();
