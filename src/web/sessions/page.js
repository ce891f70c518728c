// @ts-check
/// <reference lib="dom" />
/**
 * The page of kept conversations: asks for the token, then for what the
 * address names, one conversation or the list.
 *
 * @module
 */
import { ask, find } from "../page.js";
import { html as view, render } from "../preact.js";
import { List, One, Unlock } from "./views.js";

/** Where the token is kept: this tab, until it is closed. */
const TOKEN = "parley-admin-token";

const id = decodeURIComponent(
  /^\/sessions\/([^/]+)/.exec(location.pathname)?.[1] ?? "",
);
const path = `/sessions/${encodeURIComponent(id)}`;
if (id !== "") document.title = `${id} · Parley`;

/** All that the page shows. */
const state = {
  /** What went wrong. */
  alert: "",
  /** @type {import("./views.js").Summary[] | undefined} */
  sessions: undefined,
  /** Where the list goes on. @type {string | undefined} */
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
      ${isLocked && view`<${Unlock} onToken=${unlock} />`}
      ${session && view`<${One} session=${session} onDelete=${forget} />`}
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

/** Shows the list, or more of it. */
async function showList() {
  const { cursor, sessions = [] } = state;
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await request("GET", `/sessions${query}`);
  // The button may have been pressed twice: the page may be in the list already.
  if (page && state.cursor === cursor) {
    state.cursor = page.cursor;
    state.sessions = [...sessions, ...page.sessions];
  }
  draw();
}

async function forget() {
  if (!confirm("Delete this conversation for good?")) return;
  const deleted = await request("DELETE", path);
  if (deleted === undefined) return draw();
  const urls = deleted.recordings_kept_elsewhere ?? [];
  if (urls.length > 0) {
    alert(`Its recordings are elsewhere, delete them there: ${urls.join(" ")}`);
  }
  location.assign("/sessions");
}

/**
 * Asks the server.
 *
 * @param {"GET" | "DELETE"} method
 * @param {string} path
 * @returns JSON; nothing when it can't be had, and then `state.alert` says why
 */
async function request(method, path) {
  state.alert = "";
  // A header can hold a text whose letters are its bytes.
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
