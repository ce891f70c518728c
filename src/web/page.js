// @ts-check
/// <reference lib="dom" />
/**
 * What the scripts of all pages share, above all a conversation as all of them
 * show it: each turn with what the caller said, what the agent did and said,
 * how much of that was heard, and what it took.
 *
 * @module
 */
import { html as view, useState } from "./preact.js";

/**
 * Something that an answer holds: words, a tool's work, or data for the page.
 *
 * @typedef {{ type: "words", text: string } | { type: "tool", name: string, status: string, detail?: string, id?: string } | { type: "data", content: unknown }} Part
 */

/** @typedef {{ atMs: number, content: unknown }} WireEvent An event as it went over the wire, and when, since the turn began */

/**
 * A turn as it is shown.
 *
 * @typedef {object} Turn
 * @property {string} key tells it from the others
 * @property {string | undefined} [caller] what the caller said
 * @property {Part[]} parts the answer
 * @property {number | undefined} [heard] how many characters of its words were heard, if not all
 * @property {string} state `answering`, `complete`, `interrupted`, `failed` or `unfinished`
 * @property {string} [remark] stands beneath the answer
 * @property {string[]} [figures] stand beside the answer
 * @property {{ first_words_ms?: number | undefined, total_ms?: number | undefined }} [times] are drawn there
 * @property {WireEvent[]} [events] can be looked at beneath it
 */

/**
 * Draws turns, oldest first.
 *
 * @param {object} props
 * @param {readonly Turn[]} props.turns
 * @param {string} [props.caller] what the caller is called
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
  // A turn may hold a remark about the conversation, or a caller's words alone.
  const isAnswer = parts.length > 0 || state === "answering";
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
        ${events && view`<${Events} events=${events} />`}
      </div>
      <p class="notes">
        ${notes}
        ${chart}
      </p>
    </div>
  `;
}

/**
 * Draws how long the first word and all of an answer took, as parts of what the
 * longest took. The figures say it in words.
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
 * Words of which only the first were heard: the rest is still to be spoken, or
 * never will be.
 *
 * @param {string} text
 * @param {number} split how many characters were heard
 * @param {boolean} isCut
 */
function toWords(text, split, isCut) {
  const rest = text.slice(split);
  const shown = rest === "" || !isCut
    ? view`<span class="ahead">${rest}</span>`
    : view`<s class="ahead"><span class="aside">Not heard: </span>${rest}</s>`;
  return view`<p class="words">${text.slice(0, split)}${shown}</p>`;
}

/**
 * The events of a turn, of which there may be hundreds: they are drawn when
 * somebody wants to see them.
 *
 * @param {{ events: WireEvent[] }} props
 */
function Events({ events }) {
  const [isOpen, setOpen] = useState(false);
  const lines = (isOpen ? events : []).map(({ atMs, content }) =>
    `+${Math.round(atMs)} ms ${JSON.stringify(content)}`
  );
  return view`
    <details onToggle=${() => setOpen(!isOpen)}>
      <summary>Events: ${events.length}</summary>
      <pre class="events">${lines.join("\n")}</pre>
    </details>
  `;
}

/** What the server tells a page's script. Each script knows what that is. */
export function readData() {
  return JSON.parse(document.body.dataset.page ?? "");
}

/**
 * Asks the server.
 *
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>} a good answer
 * @throws {Error} says why there is none; its cause is the server's refusal, if there is one
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
 * Sends JSON to the server, as {@linkcode ask}.
 *
 * @param {string} path
 * @param {unknown} body
 * @param {AbortSignal | null} [signal] hangs up
 */
export function post(path, body, signal = null) {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body), signal };
  return ask(path, init);
}

/**
 * Finds an element that the page is known to have, hence the cast.
 *
 * @param {string} selector
 */
export function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

/**
 * Takes what was written into a form that is submitted, which is then empty,
 * without leaving the page.
 *
 * @param {SubmitEvent} event
 * @param {string} name the field's
 */
export function takeField(event, name) {
  event.preventDefault();
  // Of an event, TypeScript doesn't know what element it is for.
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const text = String(new FormData(form).get(name)).trim();
  form.reset();
  return text;
}
