// @ts-check
/// <reference lib="dom" />
/**
 * How long the agent took so far: the figure and the chart in the panel.
 *
 * @module
 */
import { byId } from "../dom.js";
import { describe, drawConversation, formatMs, median } from "./chart.js";

/** @typedef {import("./turn.js").Turn} Turn */

/**
 * Those that count: answers to a caller, once they are over.
 *
 * @param {readonly Turn[]} turns
 */
export function toTimed(turns) {
  return turns.filter(({ request, totalMs }) =>
    request.type === "message" && totalMs !== undefined
  );
}

/** Makes what shows the times. */
export function createTimes() {
  /** @type {string | undefined} */
  let shown;
  return {
    /** @param {readonly Turn[]} turns all of the conversation */
    show(turns) {
      const timed = toTimed(turns);
      const key = timed.map(describe).join();
      if (key === shown) return;
      shown = key;
      const { svg, scaleMs } = drawConversation(timed);
      byId("chart").replaceChildren(svg);
      byId("scale").textContent = timed.length > 0 ? formatMs(scaleMs) : "";
      const firsts = timed.flatMap(({ firstMs }) => firstMs ?? []);
      const middle = median(firsts);
      byId("median").textContent = middle === undefined
        ? "–"
        : formatMs(middle);
      byId("median-note").textContent = firsts.length > 1
        ? `Median of ${firsts.length} turns, in your browser`
        : "Measured in your browser";
    },
  };
}
