// @ts-check
/// <reference lib="dom" />
/**
 * One conversation on the page: its turns with what the caller heard of them,
 * their times, and what else is kept.
 *
 * @module
 */
import { byId, drawing, element } from "../dom.js";
import { formatCount, toEnding, toUsage } from "../figures.js";

/**
 * Shows a conversation.
 *
 * @param {any} session as the server gives it
 */
export function showConversation(session) {
  const { turns } = session;
  const longest = Math.max(1, ...turns.map(totalOf));
  byId("one").hidden = false;
  byId("facts").replaceChildren(...toFacts(turns));
  byId("legend").hidden = !turns.some(totalOf);
  byId("turns").replaceChildren(
    ...turns.map((/** @type {any} */ turn) => toTurn(turn, longest)),
  );
  byId("extras").replaceChildren(...toExtras(session));
}

/**
 * A time as one reads it here.
 *
 * @param {string} iso
 */
export function toTime(iso) {
  return new Date(iso).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
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
    ["Tokens said", tokens > 0 ? formatCount(tokens) : undefined],
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
    caption.append(toBar(turn, longest), ...toFigures(turn));
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

/** The figures of a turn, so that each is on one line where it fits. @param {any} turn */
function toFigures(turn) {
  const { first_words_ms, total_ms, model } = turn;
  const figures = [
    ...first_words_ms === undefined ? [] : [`first word ${first_words_ms} ms`],
    `total ${total_ms} ms`,
    ...toUsage(turn),
    ...model === undefined ? [] : [model],
    ...toEnding(turn),
  ];
  return figures.flatMap((text) => [element("span", {}, [text]), " "]);
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
