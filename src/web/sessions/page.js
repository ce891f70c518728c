/// <reference lib="dom" />
/**
 * The script of the page of stored conversations: asks the user for the token,
 * then requests what the address names, one conversation or the list.
 *
 * @module
 */
import { ask, find, takeField, toTime, Turns } from "../page.js";
import { html as view, render } from "../preact.js";

/** @typedef {import("../../sessions/document.ts").SessionDocument} SessionDocument */
/** @typedef {{ id: string, at: string, preview?: string }} Summary */

const TOKEN = "parley-admin-token";

const id = decodeURIComponent(
  /^\/sessions\/([^/]+)/.exec(location.pathname)?.[1] ?? "",
);
const path = `/sessions/${encodeURIComponent(id)}`;
if (id !== "") document.title = `${id} · Parley`;

/** Everything that the page shows. */
const state = {
  alert: "",
  /** @type {Summary[] | undefined} */
  sessions: undefined,
  /** Where the next page of the list begins, if there is one. @type {string | undefined} */
  cursor: undefined,
  /** @type {SessionDocument | undefined} */
  session: undefined,
};

function draw() {
  const { alert, sessions, session } = state;
  const isLocked = sessionStorage.getItem(TOKEN) === null;
  render(
    view`
      <h1>${id || "Conversations"}</h1>
      <p class="alert" role="alert" hidden=${alert === ""}>${alert}</p>
      ${isLocked && view`<${TokenForm} />`}
      ${session && view`<${Session} ...${session} />`}
      ${sessions && view`<${List} sessions=${sessions} />`}
    `,
    find("main"),
  );
}

async function open() {
  if (sessionStorage.getItem(TOKEN) === null) return;
  if (id === "") return await showList();
  state.session = await request("GET", path);
  draw();
}

/** Shows the first page of the list, or adds the next one. */
async function showList() {
  const { cursor, sessions = [] } = state;
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await request("GET", `/sessions${query}`);
  // If the button was pressed twice, the list may already have this page.
  if (page && state.cursor === cursor) {
    state.cursor = page.cursor;
    state.sessions = [...sessions, ...page.sessions];
  }
  draw();
}

async function remove() {
  if (!confirm("Delete this conversation for good?")) return;
  const deleted = await request("DELETE", path);
  if (deleted === undefined) return draw();
  const urls = deleted.recordings_kept_elsewhere ?? [];
  if (urls.length > 0) {
    alert(`Its recordings are elsewhere; delete them there: ${urls.join(" ")}`);
  }
  location.assign("/sessions");
}

/**
 * Sends a request with the token. Returns the JSON of the response, or
 * `undefined` if the request failed; `state.alert` then says why.
 *
 * @param {"GET" | "DELETE"} method
 * @param {string} path
 */
async function request(method, path) {
  state.alert = "";
  // `fetch` takes header values of Latin-1 only: each byte of the token's UTF-8
  // becomes one character.
  const bytes = new TextEncoder().encode(sessionStorage.getItem(TOKEN) ?? "");
  const authorization = `Bearer ${String.fromCharCode(...bytes)}`;
  const headers = { accept: "application/json", authorization };
  try {
    const response = await ask(path, { method, headers });
    return response.status === 204 ? {} : await response.json();
  } catch (error) {
    const { message, cause } = Object(error);
    const isWrong = cause?.status === 401;
    if (isWrong) sessionStorage.removeItem(TOKEN);
    state.alert = isWrong ? "That is not the server's ADMIN_TOKEN." : message;
  }
}

function TokenForm() {
  /** @param {SubmitEvent} event */
  function onSubmit(event) {
    sessionStorage.setItem(TOKEN, takeField(event, "token"));
    open();
  }
  return view`
    <form class="card" onSubmit=${onSubmit}>
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

/** @param {{ sessions: Summary[] }} props */
function List({ sessions }) {
  const isWhole = state.cursor === undefined;
  const hasRows = sessions.length > 0;
  const rows = sessions.map(({ id, at, preview }) =>
    view`
      <li key=${id}>
        <a href="/sessions/${encodeURIComponent(id)}">
          <p>${preview ?? "The caller said nothing"}</p>
          <code class="quiet">${id}</code>
          <time class="quiet" datetime=${at}>${toTime(at)}</time>
        </a>
      </li>
    `
  );
  return view`
    <p class="note" hidden=${hasRows}>There are no conversations yet.</p>
    <ol id="rows">${rows}</ol>
    <button type="button" hidden=${isWhole} onClick=${showList}>Show more</button>
  `;
}

/** @param {SessionDocument} session */
function Session({ turns, memories, notes }) {
  const rest = { memories, notes };
  const json = JSON.stringify({ id, turns, ...rest }, null, 2);
  const file = `data:application/json,${encodeURIComponent(json)}`;
  return view`
    <div class="row">
      <a class="button" download="${id}.json" href=${file}>Download JSON</a>
      <button type="button" onClick=${remove}>Delete</button>
    </div>
    <${Turns} turns=${turns} caller="Caller" />
    <section hidden=${memories.length + notes.length === 0}>
      <h2>Memories and notes</h2>
      <pre>${JSON.stringify(rest, null, 2)}</pre>
    </section>
  `;
}

draw();
open();
