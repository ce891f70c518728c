// @ts-check
/// <reference lib="dom" />
/**
 * The page of kept conversations: asks for the token, then for what the
 * address names, one conversation or the list.
 *
 * @module
 */

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
  const page = await ask(`/sessions${query}`);
  if (!page) return;
  cursor = page.cursor;
  byId("list").hidden = false;
  byId("more").hidden = cursor === undefined;
  byId("rows").append(...page.sessions.map(toRow));
  byId("empty").hidden = byId("rows").childElementCount > 0;
}

/** @param {any} session */
function toRow({ id, at, turns, preview }) {
  const time = element("time", { datetime: at }, [toTime(at)]);
  const link = element("a", { href: `/sessions/${encodeURIComponent(id)}` }, [
    element("span", { class: "words" }, [preview ?? "The caller said nothing"]),
    time,
    element("code", {}, [id]),
    element("span", { class: "count" }, [
      turns === 1 ? "1 turn" : `${turns} turns`,
    ]),
  ]);
  return element("li", {}, [link]);
}

async function showOne() {
  const session = await ask(`/sessions/${encodeURIComponent(id)}`);
  if (!session) return;
  document.title = `${id} · Parley`;
  byId("title").textContent = id;
  byId("title").className = "id";
  byId("one").hidden = false;
  const { turns } = session;
  const longest = Math.max(1, ...turns.map(totalOf));
  byId("facts").replaceChildren(...toFacts(turns));
  byId("legend").hidden = !turns.some(totalOf);
  byId("turns").replaceChildren(
    ...turns.map((/** @type {any} */ turn) => toTurn(turn, longest)),
  );
  byId("extras").replaceChildren(...toExtras(session));
  byId("export").onclick = () => download(session);
}

/** @param {any} turn */
function totalOf(turn) {
  return turn.total_ms ?? 0;
}

/** @param {any[]} turns */
function toFacts(turns) {
  const firsts = turns.flatMap(({ first_words_ms }) => first_words_ms ?? [])
    .sort((a, b) => a - b);
  const tokens = turns.reduce(
    (sum, turn) => sum + (turn.output_tokens ?? 0),
    0,
  );
  const models = new Set(turns.flatMap(({ model }) => model ?? []));
  /** @type {[string, string | undefined][]} */
  const facts = [
    ["Began", turns[0] && toTime(turns[0].at)],
    ["Turns", `${turns.length}`],
    [
      "First word, median",
      firsts.length > 0
        ? `${firsts[Math.floor(firsts.length / 2)]} ms`
        : undefined,
    ],
    ["Tokens said", tokens > 0 ? `${tokens}` : undefined],
    ["Model", [...models].join(", ") || undefined],
  ];
  return facts.flatMap(([name, value]) =>
    value === undefined ? [] : [
      element("div", {}, [
        element("dt", {}, [name]),
        element("dd", {}, [value]),
      ]),
    ]
  );
}

/**
 * @param {any} turn
 * @param {number} longest of all turns, in milliseconds
 */
function toTurn(turn, longest) {
  const said = element("dl", { class: "said" });
  /** @param {string} who @param {(Node | string)[]} what @param {string} [name] */
  const add = (who, what, name = "") =>
    said.append(
      element("dt", {}, [who]),
      element("dd", { class: name }, what),
    );
  if (turn.user !== undefined) add("Caller", [turn.user]);
  for (const { name, arguments: given, result } of turn.tool_calls ?? []) {
    const outcome = result === undefined ? "" : ` → ${JSON.stringify(result)}`;
    const call = `${name}(${JSON.stringify(given)})${outcome}`;
    add("Tool", [element("code", {}, [call])]);
  }
  if (turn.assistant !== "") add("Agent", toHeard(turn), "agent");
  const caption = element("p", { class: "caption" });
  if (turn.status !== "complete") {
    const name = turn.status === "failed" ? "badge alarm" : "badge";
    caption.append(element("span", { class: name }, [turn.status]));
  }
  if (turn.total_ms !== undefined) {
    caption.append(toBar(turn, longest), toTimings(turn));
  }
  const time = new Date(turn.at).toLocaleTimeString();
  caption.append(element("time", { datetime: turn.at }, [time]));
  return element("li", {}, [said, caption]);
}

/** What was said, and struck through what the caller did not hear. @param {any} turn */
function toHeard({ assistant, heard }) {
  if (heard === undefined || !assistant.startsWith(heard)) {
    return heard === undefined
      ? [assistant]
      : [heard, " ", element("del", {}, [assistant])];
  }
  return [heard, element("del", {}, [assistant.slice(heard.length)])];
}

/** @param {any} turn */
function toTimings({ first_words_ms, total_ms, output_tokens, model }) {
  return element("span", {}, [
    [
      ...(first_words_ms === undefined
        ? []
        : [`first word ${first_words_ms} ms`]),
      `total ${total_ms} ms`,
      ...(output_tokens === undefined ? [] : [`${output_tokens} tokens`]),
      ...(model === undefined ? [] : [model]),
    ].join(" · "),
  ]);
}

/** @param {any} turn @param {number} longest */
function toBar({ first_words_ms = 0, total_ms }, longest) {
  const width = 120;
  const svg = drawing("svg", {
    width: `${width}`,
    height: "8",
    viewBox: `0 0 ${width} 8`,
    "aria-hidden": "true",
  });
  for (const [name, ms] of [["total", total_ms], ["first", first_words_ms]]) {
    const length = Math.max(2, (ms / longest) * width);
    svg.append(
      drawing("rect", {
        class: name,
        width: `${length}`,
        height: "8",
        rx: "2",
      }),
    );
  }
  return svg;
}

/** @param {any} session */
function toExtras({ memories, notes }) {
  /** @type {HTMLElement[]} */
  const extras = [];
  if (memories.length > 0) {
    const items = memories.map((/** @type {string} */ text) =>
      element("li", {}, [text])
    );
    extras.push(
      element("h2", {}, ["Kept in mind"]),
      element("ul", {}, items),
    );
  }
  for (const { name, content, at } of notes) {
    extras.push(
      element("h2", {}, [`${name}, ${toTime(at)}`]),
      element("pre", { tabindex: "0" }, [JSON.stringify(content, null, 2)]),
    );
  }
  return extras;
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
        authorization: `Bearer ${sessionStorage.getItem(TOKEN)}`,
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

/** @param {string} text */
function complain(text) {
  byId("alert").textContent = text;
  byId("alert").hidden = false;
}

/** @param {string} iso */
function toTime(iso) {
  return new Date(iso).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
}

/**
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} [children]
 * @returns {any}
 */
function element(name, attributes = {}, children = []) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function drawing(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  return fill(made, attributes, []);
}

/**
 * @param {Element} made
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} children
 */
function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** @param {string} id @returns {any} */
function byId(id) {
  return document.getElementById(id);
}
