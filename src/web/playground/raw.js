// @ts-check
/// <reference lib="dom" />
/**
 * The raw events of a conversation, newest last.
 *
 * @module
 */
import { element } from "../dom.js";

/** How many are kept. */
const MAX = 500;

/**
 * Makes the list of events.
 *
 * @param {HTMLElement} list
 * @param {(count: number) => void} onCount
 */
export function createRaw(list, onCount) {
  /** @type {string[]} */
  let lines = [];

  return {
    /**
     * @param {string} turn its number, or what it belongs to instead
     * @param {string} kind `request`, `event` and the page's own
     * @param {number} atMs since the turn's beginning
     * @param {unknown} content
     */
    add(turn, kind, atMs, content) {
      const json = typeof content === "string"
        ? content
        : JSON.stringify(content);
      const time = `+${atMs.toFixed(0)} ms`;
      lines.push(`${turn}\t${kind}\t${time}\t${json}`);
      const isNear = list.scrollHeight - list.scrollTop - list.clientHeight <
        60;
      list.append(
        element("li", { class: kind }, [
          element("span", { class: "kind" }, [
            kind === "request" ? turn : NAMES[kind] ?? "",
          ]),
          element("span", { class: "time" }, [time]),
          element("code", {}, breakable(json)),
        ]),
      );
      while (lines.length > MAX) {
        lines.shift();
        list.firstElementChild?.remove();
      }
      if (isNear) list.scrollTop = list.scrollHeight;
      onCount(lines.length);
    },
    text: () => lines.join("\n") + "\n",
    clear() {
      lines = [];
      list.replaceChildren();
      onCount(0);
    },
  };
}

/**
 * A text that wraps between fields rather than within words.
 *
 * @param {string} json
 */
function breakable(json) {
  return json.split(/(?<=[,{}])(?=["{])/).flatMap((piece, index) =>
    index === 0 ? [piece] : [element("wbr"), piece]
  );
}

/** @type {Record<string, string>} */
const NAMES = { interrupted: "cut off", trouble: "trouble" };
