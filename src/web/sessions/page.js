/// <reference lib="dom" />
/**
 * The script of the page of stored conversations: asks the user for the token,
 * then requests what the address names, one conversation or the list.
 *
 * @module
 */
import { ask, find } from "../page.js";
import { html as view, render } from "../preact.js";
import { List, Session, TokenForm } from "./views.js";

/** The key of the token in `sessionStorage`, which lasts until the tab is closed. */
const TOKEN = "parley-admin-token";

const id = decodeURIComponent(
  /^\/sessions\/([^/]+)/.exec(location.pathname)?.[1] ?? "",
);
const path = `/sessions/${encodeURIComponent(id)}`;
if (id !== "") document.title = `${id} · Parley`;

/** Everything that the page shows. */
const state = {
  /** An error message. Empty if there is no error. */
  alert: "",
  /** @type {import("./views.js").Summary[] | undefined} */
  sessions: undefined,
  /** Where the next page of the list begins, if there is one. @type {string | undefined} */
  cursor: undefined,
  /** @type {import("./views.js").SessionDocument | undefined} */
  session: undefined,
};

function draw() {
  const { alert, sessions, cursor, session } = state;
  const isLocked = sessionStorage.getItem(TOKEN) === null;
  const more = cursor && showList;
  render(
    view`
      <h1>${id || "Conversations"}</h1>
      <p class="alert" role="alert" hidden=${alert === ""}>${alert}</p>
      ${isLocked && view`<${TokenForm} onToken=${unlock} />`}
      ${session && view`<${Session} session=${session} onDelete=${remove} />`}
      ${sessions && view`<${List} sessions=${sessions} onMore=${more} />`}
    `,
    find("main"),
  );
}

/** @param {string} token */
function unlock(token) {
  sessionStorage.setItem(TOKEN, token);
  open();
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
 * Sends a request with the token.
 *
 * @param {"GET" | "DELETE"} method
 * @param {string} path
 * @returns the JSON of the response. `undefined` if the request failed;
 * `state.alert` then says why
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

draw();
open();
