// @ts-check
/// <reference lib="dom" />
/**
 * A turn as it stands on the page.
 *
 * @module
 */
import { describe, drawTurn, formatMs } from "./chart.js";
import { element } from "../dom.js";
import { formatCount, toEnding } from "../figures.js";

/** @typedef {import("./turn.js").Turn} Turn */
/** @typedef {ReturnType<typeof createTurnView>} TurnView */

/**
 * Makes the view of a turn.
 *
 * @param {Turn} turn
 */
export function createTurnView(turn) {
  const parts = element("div", { class: "parts" });
  const state = element("p", { class: "state", hidden: "" });
  const notes = element("div", { class: "notes" });
  const agent = element("div", { class: "said agent" }, [
    element("h3", { class: "who" }, ["Agent"]),
    element("div", { class: "body" }, [parts, state]),
    notes,
  ]);
  const root = element("li", { class: "turn" });
  const asked = toAsked(turn);
  if (asked) root.append(asked);
  root.append(agent);
  /** @type {HTMLElement[]} */
  const views = [];

  /** @param {number} scaleMs */
  function update(scaleMs) {
    root.dataset.state = turn.state;
    root.dataset.speaking = String(turn.isSpeaking);
    const isSilent = turn.parts.length === 0 && turn.state === "waiting";
    parts.dataset.waiting = String(isSilent);
    let start = 0;
    turn.parts.forEach((part, index) => {
      let view = views[index];
      if (view === undefined) {
        view = views[index] = part.type === "words"
          ? element("p", { class: "words" })
          : element("div", { class: part.type });
        parts.append(view);
      }
      switch (part.type) {
        case "words":
          showWords(view, turn, start, part.end);
          start = part.end;
          break;
        case "tool":
          showTool(view, part);
          break;
        case "data":
          if (view.childElementCount === 0) showData(view, part.content);
          break;
      }
    });
    showState(state, turn);
    showNotes(notes, turn, scaleMs);
  }

  return { root, update };
}

/** @param {Turn} turn */
function toAsked({ request, isRepeat, isReplay }) {
  const { type, text } = request;
  if (type !== "message" && !isRepeat) return undefined;
  const label = isReplay
    ? "sent again, answered from the record"
    : "sent again";
  return element("div", { class: "said you" }, [
    element("h3", { class: "who" }, [type === "message" ? "You" : "Page"]),
    element("div", { class: "body" }, [
      element("p", { class: "words" }, [
        type === "message" ? String(text) : "session.start",
      ]),
      ...isRepeat ? [element("span", { class: "badge" }, [label])] : [],
    ]),
  ]);
}

/**
 * @param {HTMLElement} view
 * @param {Turn} turn
 * @param {number} start
 * @param {number} end
 */
function showWords(view, turn, start, end) {
  const middle = Math.min(Math.max(turn.heard, start), end);
  const heard = turn.text.slice(start, middle);
  const rest = turn.text.slice(middle, end);
  const isCut = turn.state === "interrupted";
  const { firstChild: said, lastChild: ahead } = view;
  const name = isCut ? "S" : "SPAN";
  if (said && ahead?.nodeName === name) {
    if (said.textContent !== heard) said.textContent = heard;
    const words = ahead.lastChild;
    if (words && words.textContent !== rest) words.textContent = rest;
    return;
  }
  view.replaceChildren(
    document.createTextNode(heard),
    isCut
      ? element("s", { class: "unheard" }, [
        ...rest.trim() === ""
          ? []
          : [element("span", { class: "aside" }, ["Not heard: "])],
        document.createTextNode(rest),
      ])
      : element("span", { class: "ahead" }, [document.createTextNode(rest)]),
  );
}

/**
 * @param {HTMLElement} view
 * @param {import("./turn.js").ToolUse} tool
 */
function showTool(view, { name, status, ms }) {
  if (view.dataset.status === status) return;
  view.dataset.status = status;
  view.replaceChildren(
    element("span", { class: "mark", "aria-hidden": "true" }),
    element("code", {}, [name]),
    element("span", { class: "quiet" }, [
      ms === undefined || status === "running"
        ? status
        : `${status} in ${formatMs(ms)}`,
    ]),
  );
}

/**
 * @param {HTMLElement} view
 * @param {unknown} content
 */
function showData(view, content) {
  view.append(
    element("span", { class: "badge" }, ["response.data"]),
    element("code", {}, [JSON.stringify(content)]),
  );
}

/**
 * @param {HTMLElement} view
 * @param {Turn} turn
 */
function showState(view, turn) {
  const words = toState(turn);
  view.hidden = words === "";
  if (view.textContent !== words) view.textContent = words;
}

/**
 * What there is to say of a turn beneath its words.
 *
 * @param {Turn} turn
 */
export function toState(turn) {
  const { state, trouble, text, heard, isSpoken, request, summary } = turn;
  if (state === "interrupted") {
    if (text === "") return "Interrupted before the first word";
    if (!isSpoken) return "Interrupted";
    return heard === 0
      ? "Interrupted before a word was spoken"
      : "Interrupted while speaking";
  }
  if (trouble) return trouble;
  if (state === "failed") {
    return "This turn failed. The cause is in Parley's log.";
  }
  if (state !== "complete") return "";
  if (text === "" && request.type !== "message") {
    return "The agent waits for you to speak first";
  }
  const [why = ""] = toEnding(summary ?? {});
  return why.charAt(0).toUpperCase() + why.slice(1);
}

/**
 * @param {HTMLElement} view
 * @param {Turn} turn
 * @param {number} scaleMs
 */
function showNotes(view, turn, scaleMs) {
  const { firstMs, totalMs, summary } = turn;
  if (firstMs === undefined && totalMs === undefined) return;
  const key = JSON.stringify([firstMs, totalMs, summary, scaleMs]);
  if (view.dataset.key === key) return;
  view.dataset.key = key;
  const figures = element("p", { class: "figures" });
  if (firstMs !== undefined) {
    figures.append(
      element("span", {}, [
        element("b", {}, [formatMs(firstMs)]),
        " first word",
      ]),
    );
  }
  if (totalMs !== undefined) {
    figures.append(" ", element("span", {}, [`${formatMs(totalMs)} total`]));
  }
  const server = summary && describe({
    ...(summary.first_words_ms === undefined
      ? {}
      : { firstMs: summary.first_words_ms }),
    ...(summary.total_ms === undefined ? {} : { totalMs: summary.total_ms }),
  });
  if (server) figures.title = `As Parley measured it: ${server}`;
  view.replaceChildren(drawTurn(turn, scaleMs), figures);
  if (summary?.provider) {
    view.append(
      element(
        "p",
        { class: "caption" },
        toCaption(summary).flatMap((
          text,
        ) => [element("span", {}, [text]), " "]),
      ),
    );
  }
}

/**
 * Who answered and what it took, one thing each.
 *
 * @param {import("./turn.js").Summary} summary
 */
export function toCaption(summary) {
  const { provider, model, input_tokens, output_tokens } = summary;
  const { prompt_ms, cached_tokens } = summary;
  const who = model && model !== provider ? `${provider} · ${model}` : provider;
  const tokens = [
    input_tokens === undefined ? "" : `${formatCount(input_tokens)} in`,
    output_tokens === undefined ? "" : `${formatCount(output_tokens)} out`,
  ].filter(Boolean).join(", ");
  return [
    who ?? "",
    ...tokens === "" ? [] : [`tokens: ${tokens}`],
    ...cached_tokens ? [`${formatCount(cached_tokens)} cached`] : [],
    ...prompt_ms === undefined ? [] : [`prompt read in ${formatMs(prompt_ms)}`],
  ];
}
