// @ts-check
/// <reference lib="dom" />
/**
 * The page of kept conversations: asks for the token, then for what the
 * address names, one conversation or the list.
 *
 * @module
 */
import { byId, element } from "../dom.js";
import { showConversation, toTime } from "./conversation.js";

/** Where the token is kept: this tab, until it is closed. */
const TOKEN = "parley-admin-token";

const id = decodeURIComponent(
  /^\/sessions\/([^/]+)/.exec(location.pathname)?.[1] ?? "",
);

/** @type {string | undefined} */
let cursor;

byId("unlock").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId("token").value.trim());
  open();
});
byId("leave").addEventListener("click", () => {
  sessionStorage.removeItem(TOKEN);
  location.reload();
});
byId("more").addEventListener("click", showList);
byId("delete").addEventListener("click", () => byId("confirm").showModal());
byId("confirm").addEventListener("close", async () => {
  if (byId("confirm").returnValue !== "yes") return;
  if (await ask(`/sessions/${encodeURIComponent(id)}`, "DELETE")) {
    location.assign("/sessions");
  }
});
open();

function open() {
  const isOpen = sessionStorage.getItem(TOKEN) !== null;
  byId("unlock").hidden = isOpen;
  byId("leave").hidden = !isOpen;
  if (!isOpen) byId("token").focus();
  else if (id === "") showList();
  else showOne();
}

async function showList() {
  const query = cursor === undefined
    ? ""
    : `?cursor=${encodeURIComponent(cursor)}`;
  byId("more").disabled = true;
  const page = await ask(`/sessions${query}`);
  byId("more").disabled = false;
  if (!page) return;
  cursor = page.cursor;
  byId("list").hidden = false;
  byId("more").hidden = cursor === undefined;
  byId("rows").append(...page.sessions.map(toRow));
  byId("empty").hidden = byId("rows").childElementCount > 0;
}

/** @param {any} session */
function toRow({ id, at, preview }) {
  const time = element("time", { datetime: at }, [toTime(at)]);
  const link = element("a", { href: `/sessions/${encodeURIComponent(id)}` }, [
    element("span", { class: "words" }, [preview ?? "The caller said nothing"]),
    time,
    element("code", {}, [id]),
  ]);
  return element("li", {}, [link]);
}

async function showOne() {
  const session = await ask(`/sessions/${encodeURIComponent(id)}`);
  if (!session) return;
  document.title = `${id} · Parley`;
  byId("title").textContent = id;
  byId("title").className = "id";
  showConversation(session);
  byId("export").onclick = () => download(session);
}

/** @param {any} session */
function download(session) {
  const text = JSON.stringify(session, null, 2);
  const href = URL.createObjectURL(
    new Blob([text], { type: "application/json" }),
  );
  element("a", { href, download: `${id}.json` }).click();
  URL.revokeObjectURL(href);
}

/**
 * Asks the server.
 *
 * @param {string} path
 * @param {string} [method]
 * @returns {Promise<any>} nothing when it can't be had; the page then says why
 */
async function ask(path, method = "GET") {
  byId("alert").hidden = true;
  try {
    const response = await fetch(path, {
      method,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${toBytes(sessionStorage.getItem(TOKEN) ?? "")}`,
      },
    });
    if (response.status === 204) return true;
    const body = await response.json();
    if (response.ok) return body;
    complain(body.error.message);
    if (response.status === 401) {
      sessionStorage.removeItem(TOKEN);
      open();
    }
  } catch {
    complain("The server can't be reached. Is it running?");
  }
}

/** A text as a header can hold it: each of its bytes a letter. @param {string} text */
function toBytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** @param {string} text */
function complain(text) {
  byId("alert").textContent = text;
  byId("alert").hidden = false;
}
