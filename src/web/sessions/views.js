// @ts-check
/// <reference lib="dom" />
/**
 * What the page of kept conversations shows: the question for the token, the
 * list, or one conversation.
 *
 * @module
 */
import { Turns } from "../conversation.js";
import { toEnding, toFigures } from "../figures.js";
import { html as view } from "../preact.js";

/** @typedef {import("../../sessions/document.ts").SessionDocument} SessionDocument */
/** @typedef {import("../../sessions/document.ts").TurnDocument} TurnDocument */

/** @typedef {{ id: string, at: string, preview?: string }} Summary */

/** @param {{ onToken: (token: string) => void }} props */
export function Unlock({ onToken }) {
  /** @param {SubmitEvent} event */
  function onSubmit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    onToken(String(new FormData(form).get("token")).trim());
  }
  return view`
    <form class="card unlock" onSubmit=${onSubmit}>
      <label for="token">The server's <code>ADMIN_TOKEN</code></label>
      <p class="quiet">Kept in this tab until you close it.</p>
      <div class="row">
        <input id="token" name="token" type="password" spellcheck="false"
          autocomplete="current-password" required autofocus />
        <button class="primary">Show</button>
      </div>
    </form>
  `;
}

/**
 * @param {object} props
 * @param {Summary[]} props.sessions
 * @param {(() => void) | undefined} props.onMore shows more, if there are
 */
export function List({ sessions, onMore }) {
  return view`
    <p class="note" hidden=${sessions.length > 0}>
      Nothing was said yet. Conversations are listed here once somebody talks with the agent.
    </p>
    <ol id="rows">${sessions.map(toRow)}</ol>
    <button type="button" hidden=${!onMore} onClick=${onMore}>Show more</button>
  `;
}

/** @param {Summary} session */
function toRow({ id, at, preview = "The caller said nothing" }) {
  return view`
    <li key=${id}>
      <a href="/sessions/${encodeURIComponent(id)}">
        <span class="words">${preview}</span>
        <time datetime=${at}>${toTime(at)}</time>
        <code>${id}</code>
      </a>
    </li>
  `;
}

/** @param {{ session: SessionDocument, onDelete: () => void }} props */
export function One({ session, onDelete }) {
  const json = encodeURIComponent(JSON.stringify(session, null, 2));
  return view`
    <div class="row">
      <a class="button" href="/sessions">All conversations</a>
      <span class="gap"></span>
      <a class="button" download="${session.id}.json" href="data:application/json,${json}">
        Download JSON
      </a>
      <button type="button" onClick=${onDelete}>Delete</button>
    </div>
    <h2 class="aside">What was said</h2>
    <${Turns} turns=${session.turns.map(toTurn)} caller="Caller" />
    <section class="extra" hidden=${session.memories.length === 0}>
      <h2>Kept in mind</h2>
      <ul>${session.memories.map((text) => view`<li>${text}</li>`)}</ul>
    </section>
    ${session.notes.map(toNote)}
  `;
}

/**
 * A turn as all pages show it.
 *
 * @param {TurnDocument} turn
 * @returns {import("../conversation.js").Turn}
 */
export function toTurn(turn) {
  const { turn_id, at, user, assistant, heard, status, tool_calls = [] } = turn;
  // What was heard need not be how the answer begins.
  const isBeginning = heard === undefined || assistant.startsWith(heard);
  const text = isBeginning ? assistant : `${heard} ${assistant}`;
  const remarks = [...status === "complete" ? [] : [status], ...toEnding(turn)];
  return {
    key: turn_id,
    caller: user,
    parts: [
      ...tool_calls.map(toTool),
      ...text === "" ? [] : [{ type: /** @type {const} */ ("words"), text }],
    ],
    heard: heard?.length,
    state: heard === undefined ? status : "interrupted",
    remark: remarks.join(", "),
    figures: [...toFigures(turn), new Date(at).toLocaleTimeString()],
  };
}

/**
 * @param {{ name: string, arguments: unknown, result?: unknown }} call
 * @returns {import("../conversation.js").Tool}
 */
function toTool({ name, arguments: given, result }) {
  return {
    type: "tool",
    name: `${name}(${JSON.stringify(given)})`,
    status: result === undefined ? "stopped" : "done",
    detail: result === undefined ? "" : `→ ${JSON.stringify(result)}`,
  };
}

/** @param {SessionDocument["notes"][number]} note */
function toNote({ name, content, at }) {
  return view`
    <section class="extra">
      <h2>${name}, ${toTime(at)}</h2>
      <pre tabindex="0">${JSON.stringify(content, null, 2)}</pre>
    </section>
  `;
}

/** @param {string} iso */
function toTime(iso) {
  return new Date(iso).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}
