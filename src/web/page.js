/// <reference lib="dom" />
/**
 * What the scripts of all pages share, above all the view of a conversation:
 * each turn with what the caller said, what the agent did and said, how much of
 * that was heard, its times and its tokens.
 *
 * @module
 */
import { toEnding, toFigures } from "./figures.js";
import { html as view, useState } from "./preact.js";

/** @typedef {{ atMs: number, content: unknown }} WireEvent An event as it was sent or received, and its time since the turn began */

/**
 * A turn as the server stores it, or as much of it as a page knows. Its status
 * is `answering` until the agent has said everything.
 *
 * @typedef {object} LiveTurn
 * @property {string} turn_id
 * @property {string} status
 * @property {{ name: string, status?: string, arguments?: unknown, result?: unknown }[]} [tool_calls]
 * @property {unknown[]} [data] what the agent sent to the page
 * @property {string} [remark] how the turn ended, if not as its status says
 * @property {WireEvent[]} [events] shown below the answer on demand
 */
/** @typedef {Partial<Omit<import("../sessions/document.ts").TurnDocument, keyof LiveTurn>> & LiveTurn} Turn */

/** Draws turns, oldest first. @param {{ turns: readonly Turn[], caller?: string }} props */
export function Turns({ turns, caller = "You" }) {
  const longestMs = Math.max(1, ...turns.map(({ total_ms = 0 }) => total_ms));
  const items = turns.map((turn) =>
    view`
      <li key=${turn.turn_id} class="turn" data-state=${turn.status}>
        <div class="said you" hidden=${turn.user === undefined}>
          <p class="who">${caller}</p>
          <p class="words">${turn.user}</p>
        </div>
        <${Agent} turn=${turn} longestMs=${longestMs} />
      </li>
    `
  );
  return view`<ol class="turns">${items}</ol>`;
}

/** @param {{ turn: Turn, longestMs: number }} props */
function Agent({ turn, longestMs }) {
  const { at, assistant = "", status, tool_calls = [], data = [] } = turn;
  const { events, remark = toRemark(turn) } = turn;
  const isEmpty = assistant === "" && tool_calls.length + data.length === 0;
  // A turn may have no answer, only the caller's words or a remark.
  const isAnswer = !isEmpty || status === "answering";
  const toText = () => toLines(events ?? []);
  const figures = [...toFigures(turn), ...at ? [toTime(at)] : []];
  const notes = figures.map((figure) => view`<span>${figure}</span> `);
  return view`
    <div class="said agent" hidden=${!isAnswer && !remark && !events}>
      <p class="who">${isAnswer && "Agent"}</p>
      <div class="parts">
        ${isAnswer && isEmpty && view`<p class="quiet">…</p>`}
        ${tool_calls.map(toTool)}
        ${data.map(toData)}
        ${assistant && view`<${Words} ...${turn} />`}
        ${remark && view`<p class="remark">${remark}</p>`}
        ${
    events && view`
          <${Details} summary="Events: ${events.length}" toText=${toText} />
        `
  }
      </div>
      <p class="notes">
        ${notes}
        ${turn.total_ms && view`<${Times} ...${turn} longestMs=${longestMs} />`}
      </p>
    </div>
  `;
}

/** @param {Turn} turn */
function toRemark(turn) {
  const isUsual = ["answering", "complete"].includes(turn.status);
  return [...isUsual ? [] : [turn.status], ...toEnding(turn)].join(", ");
}

/** @param {{ first_words_ms?: number, total_ms: number, longestMs: number }} props */
function Times({ first_words_ms: firstMs, total_ms, longestMs }) {
  const bars = [total_ms, Math.min(firstMs ?? total_ms, total_ms)].map((ms) =>
    view`<rect width=${100 * ms / longestMs} height="1" />`
  );
  // Screen readers skip the bars: the figures say the same.
  return view`
    <svg class="times" viewBox="0 0 100 1" preserveAspectRatio="none"
      aria-hidden="true">${bars}</svg>
  `;
}

/** @param {NonNullable<Turn["tool_calls"]>[number]} call */
function toTool({ name, arguments: given, result, status }) {
  const shown = given === undefined ? "" : `(${JSON.stringify(given)})`;
  const end = status ?? (result === undefined ? "stopped" : "done");
  const outcome = result === undefined ? end : `→ ${JSON.stringify(result)}`;
  return view`
    <p class="tool" data-status=${end}>
      <code>${name}${shown}</code> <span class="quiet">${outcome}</span>
    </p>
  `;
}

/** @param {unknown} content */
function toData(content) {
  return view`<p class="data"><code>${JSON.stringify(content)}</code></p>`;
}

/** @param {{ assistant: string, heard?: string, status: string }} props */
function Words({ assistant, heard = assistant, status }) {
  // The platform may report words that differ from the beginning of the answer.
  const isBeginning = assistant.startsWith(heard);
  const rest = isBeginning ? assistant.slice(heard.length) : ` ${assistant}`;
  const ahead = rest.trim() === "" || status === "answering"
    ? view`<span class="ahead">${rest}</span>`
    : view`<s class="ahead"><span class="aside">Not heard: </span>${rest}</s>`;
  return view`<p class="words">${heard}${ahead}</p>`;
}

/** @param {string} iso */
export function toTime(iso) {
  return new Date(iso).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/** @param {{ id?: string, summary: string, toText: () => string }} props */
export function Details({ id, summary, toText }) {
  const [isOpen, setOpen] = useState(false);
  // The text may be long, so it is made only while it is shown.
  const text = isOpen && toText();
  /** @param {Event} event */
  function onToggle({ currentTarget }) {
    // A double click is one event. TypeScript doesn't know its element, hence the cast.
    setOpen(/** @type {HTMLDetailsElement} */ (currentTarget).open);
  }
  return view`
    <details onToggle=${onToggle}>
      <summary id=${id}>${summary}</summary>
      <pre>${text}</pre>
    </details>
  `;
}

/** @param {WireEvent[]} events */
function toLines(events) {
  return events.map(({ atMs, content }) =>
    `+${Math.round(atMs)} ms ${JSON.stringify(content)}`
  ).join("\n");
}

/** Returns the data that the server passes to the page's script, which knows their type. */
export function readData() {
  return JSON.parse(document.body.dataset.page ?? "");
}

/**
 * Sends a request to the server.
 *
 * @param {string} path
 * @param {RequestInit} [init]
 * @throws {Error} with a message for the user; if the server refused, the cause is its response
 */
export async function ask(path, init) {
  const response = await fetch(path, init).catch(() => {
    throw new Error("Parley can't be reached. Start it again, then try again.");
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  const message = body?.error?.message ?? `Refused (${response.status})`;
  throw new Error(message, { cause: response });
}

/** Posts JSON, as {@linkcode ask} does. @param {string} path @param {unknown} body @param {AbortSignal | null} [signal] */
export function post(path, body, signal = null) {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body), signal };
  return ask(path, init);
}

/** Finds an element that the page always has, hence the cast. @param {string} selector */
export function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

/** Takes the text of a field out of a submitted form. @param {SubmitEvent} event @param {string} name */
export function takeField(event, name) {
  event.preventDefault();
  // TypeScript doesn't know the type of an event's element, hence the cast.
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const text = String(new FormData(form).get(name)).trim();
  form.reset();
  return text;
}
