// @ts-check
/// <reference lib="dom" />
/**
 * The page of kept conversations: asks for the token, then for what the
 * address names, one conversation or the list.
 *
 * @module
 */
import { drawPage } from "../page.js";
import { html as view } from "../preact.js";
import { List, One, Unlock } from "./views.js";

/** @typedef {import("../../sessions/document.ts").SessionDocument} SessionDocument */
/** @typedef {import("./views.js").Summary} Summary */

/** Where the token is kept: this tab, until it is closed. */
const TOKEN = "parley-admin-token";

const id = decodeURIComponent(
  /^\/sessions\/([^/]+)/.exec(location.pathname)?.[1] ?? "",
);
const path = `/sessions/${encodeURIComponent(id)}`;

/** All that the page shows. */
const state = {
  /** What went wrong. */
  alert: "",
  /** @type {Summary[] | undefined} */
  sessions: undefined,
  /** Where the list goes on. @type {string | undefined} */
  cursor: undefined,
  /** @type {SessionDocument | undefined} */
  session: undefined,
};

function draw() {
  const { alert } = state;
  drawPage(view`
    <h1 class=${id && "id"}>${id || "Conversations"}</h1>
    ${alert && view`<p class="alert" role="alert">${alert}</p>`}
    ${toContent()}
  `);
}

function toContent() {
  const { sessions, cursor, session } = state;
  if (sessionStorage.getItem(TOKEN) === null) {
    return view`<${Unlock} onToken=${unlock} />`;
  }
  if (session) return view`<${One} session=${session} onDelete=${forget} />`;
  const more = cursor && showList;
  return sessions && view`<${List} sessions=${sessions} onMore=${more} />`;
}

/** @param {string} token */
function unlock(token) {
  sessionStorage.setItem(TOKEN, token);
  open();
}

async function open() {
  draw();
  if (sessionStorage.getItem(TOKEN) === null) return;
  if (id === "") return await showList();
  state.session = await ask("GET", path);
  if (state.session) document.title = `${id} · Parley`;
  draw();
}

/** Shows the list, or more of it. */
async function showList() {
  const { cursor, sessions = [] } = state;
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const page = await ask("GET", `/sessions${query}`);
  if (page) {
    state.cursor = page.cursor;
    state.sessions = [...sessions, ...page.sessions];
  }
  draw();
}

async function forget() {
  const question =
    "Delete this conversation? What was said in it is forgotten for good.";
  if (!confirm(question)) return;
  const deleted = await ask("DELETE", path);
  if (deleted === undefined) return draw();
  if (deleted !== true) {
    const { recordings_kept_elsewhere: urls } =
      /** @type {{ recordings_kept_elsewhere: string[] }} */ (deleted);
    alert(
      `Its recordings are kept elsewhere, delete them there:\n${
        urls.join("\n")
      }`,
    );
  }
  location.assign("/sessions");
}

/**
 * Asks the server.
 *
 * @param {"GET" | "DELETE"} method
 * @param {string} path
 * @returns JSON, or `true` where there is none; nothing when it can't be had,
 * and then `state.alert` says why
 */
async function ask(method, path) {
  state.alert = "";
  // A header can hold a text whose letters are its bytes.
  const bytes = new TextEncoder().encode(sessionStorage.getItem(TOKEN) ?? "");
  const authorization = `Bearer ${String.fromCharCode(...bytes)}`;
  const headers = { accept: "application/json", authorization };
  try {
    const response = await fetch(path, { method, headers });
    if (response.status === 204) return true;
    const body = await response.json();
    if (response.ok) return body;
    state.alert = body.error.message;
    if (response.status === 401) sessionStorage.removeItem(TOKEN);
  } catch {
    state.alert = "The server can't be reached. Is it running?";
  }
  return undefined;
}

open();
