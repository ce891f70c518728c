/// <reference lib="dom" />
/**
 * What the scripts of all pages share, above all the view of a conversation:
 * each turn with what the caller said, what the agent did and said, how much of
 * that was heard, its times and its tokens.
 *
 * @module
 */
import { html as view, useState } from "./preact.js";

/**
 * A part of an answer: words, a tool call, or data for the page.
 *
 * @typedef {{ type: "words", text: string } | { type: "tool", name: string, status: string, detail?: string, id?: string } | { type: "data", content: unknown }} Part
 */

/** @typedef {{ atMs: number, content: unknown }} WireEvent An event as it was sent or received, and its time since the turn began */

/**
 * A turn as the pages show it.
 *
 * @typedef {object} Turn
 * @property {string} key unique among the turns of the page
 * @property {string | undefined} [caller] what the caller said
 * @property {Part[]} parts the answer
 * @property {number | undefined} [heard] how many characters of the answer's words were heard, if not all
 * @property {string} state `answering`, `complete`, `interrupted`, `failed` or `unfinished`
 * @property {string} [remark] shown below the answer
 * @property {string[]} [figures] shown beside the answer
 * @property {{ first_words_ms?: number | undefined, total_ms?: number | undefined }} [times] drawn as bars beside the answer
 * @property {WireEvent[]} [events] shown below the answer on demand
 */

/**
 * Draws turns, oldest first.
 *
 * @param {object} props
 * @param {readonly Turn[]} props.turns
 * @param {string} [props.caller] the label of the caller's words
 */
export function Turns({ turns, caller = "You" }) {
  const longestMs = turns.reduce(
    (most, { times }) => Math.max(most, times?.total_ms ?? 0),
    1,
  );
  const items = turns.map((turn) =>
    view`
      <li key=${turn.key} class="turn" data-state=${turn.state}>
        <div class="said you" hidden=${turn.caller === undefined}>
          <p class="who">${caller}</p>
          <p class="words">${turn.caller}</p>
        </div>
        <${Agent} turn=${turn} longestMs=${longestMs} />
      </li>
    `
  );
  return view`<ol class="turns">${items}</ol>`;
}

/** @param {{ turn: Turn, longestMs: number }} props */
function Agent({ turn, longestMs }) {
  const { parts, state, remark, figures = [], times, events } = turn;
  // A turn may have no answer, only the caller's words or a remark.
  const isAnswer = parts.length > 0 || state === "answering";
  const log = events && view`
    <${Details} summary="Events: ${events.length}" toText=${() =>
    toLines(events)} />
  `;
  const notes = figures.map((figure) => view`<span>${figure}</span> `);
  const chart = times?.total_ms
    ? view`<${Times} ...${times} longestMs=${longestMs} />`
    : "";
  return view`
    <div class="said agent" hidden=${!isAnswer && !remark && !events}>
      <p class="who">${isAnswer && "Agent"}</p>
      <div class="parts">
        ${isAnswer && parts.length === 0 && view`<p class="quiet">…</p>`}
        ${toViews(turn)}
        ${remark && view`<p class="remark">${remark}</p>`}
        ${log}
      </div>
      <p class="notes">
        ${notes}
        ${chart}
      </p>
    </div>
  `;
}

/**
 * Draws the time to the first word and the total time of an answer as bars,
 * relative to the longest answer. Screen readers skip them: the figures say the
 * same in text.
 *
 * @param {{ first_words_ms?: number, total_ms: number, longestMs: number }} props
 */
function Times({ first_words_ms: firstMs, total_ms, longestMs }) {
  const bars = [total_ms, Math.min(firstMs ?? total_ms, total_ms)].map((ms) =>
    view`<rect width=${100 * ms / longestMs} height="1" />`
  );
  return view`
    <svg class="times" viewBox="0 0 100 1" preserveAspectRatio="none"
      aria-hidden="true">${bars}</svg>
  `;
}

/** @param {Turn} turn */
function toViews({ parts, heard = Infinity, state }) {
  let start = 0;
  return parts.map((part) => {
    switch (part.type) {
      case "words": {
        const split = Math.max(0, heard - start);
        start += part.text.length;
        return toWords(part.text, split, state === "interrupted");
      }
      case "tool":
        return view`
          <p class="tool" data-status=${part.status}>
            <code>${part.name}</code> <span class="quiet">${
          part.detail ?? part.status
        }</span>
          </p>
        `;
      case "data":
        return view`<p class="data"><code>${
          JSON.stringify(part.content)
        }</code></p>`;
    }
  });
}

/**
 * Draws words of which possibly only the beginning was heard.
 *
 * @param {string} text
 * @param {number} split how many characters were heard
 * @param {boolean} isCut whether the rest will never be spoken
 */
function toWords(text, split, isCut) {
  const rest = text.slice(split);
  const shown = rest === "" || !isCut
    ? view`<span class="ahead">${rest}</span>`
    : view`<s class="ahead"><span class="aside">Not heard: </span>${rest}</s>`;
  return view`<p class="words">${text.slice(0, split)}${shown}</p>`;
}

/**
 * Draws a text that is long, so it is made only while it is open.
 *
 * @param {{ id?: string, summary: string, toText: () => string }} props
 */
export function Details({ id, summary, toText }) {
  const [isOpen, setOpen] = useState(false);
  return view`
    <details onToggle=${() => setOpen(!isOpen)}>
      <summary id=${id}>${summary}</summary>
      <pre>${isOpen && toText()}</pre>
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
 * @returns {Promise<Response>} a response with a status of 200 to 299
 * @throws {Error} with a message for the user; if the server sent another status, the cause is its response
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

/**
 * Posts JSON to the server, as {@linkcode ask} does.
 *
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal | null} [signal] aborts the request
 */
export function post(path, body, signal = null) {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body), signal };
  return ask(path, init);
}

/**
 * Finds an element that the page always has, hence the cast.
 *
 * @param {string} selector
 */
export function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

/**
 * Handles the submission of a form without leaving the page: returns the text of
 * a field and empties the form.
 *
 * @param {SubmitEvent} event
 * @param {string} name the name of the field
 */
export function takeField(event, name) {
  event.preventDefault();
  // TypeScript doesn't know the type of an event's element, hence the cast.
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const text = String(new FormData(form).get(name)).trim();
  form.reset();
  return text;
}
