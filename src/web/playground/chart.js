// @ts-check
/// <reference lib="dom" />
/**
 * How long turns took, as pictures with their words.
 *
 * @module
 */

import { drawing } from "../dom.js";

/**
 * The times of a turn.
 *
 * @typedef {object} Timing
 * @property {number} [firstMs] until the first word
 * @property {number} [totalMs] until the end
 */

/** @typedef {Timing & { number: number }} NumberedTiming */

/** How many turns the picture of a conversation shows: the newest. */
export const MAX_BARS = 24;

/** @param {number} ms */
export function formatMs(ms) {
  if (ms < 1) return "under 1 ms";
  if (ms < 995) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return seconds < 9.95
    ? `${seconds.toFixed(1)} s`
    : `${Math.round(seconds)} s`;
}

/**
 * The end of the scale: a round number that holds them all.
 *
 * @param {readonly Timing[]} timings
 */
export function toScale(timings) {
  const most = Math.max(
    100,
    ...timings.map(({ firstMs = 0, totalMs = 0 }) =>
      Math.max(firstMs, totalMs)
    ),
  );
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [1, 2, 5, 10].find((step) => step * power >= most) ?? 10;
  return step * power;
}

/** @param {readonly number[]} numbers */
export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined || low === undefined) return high;
  return sorted.length % 2 === 0 ? (low + high) / 2 : high;
}

/** @param {Timing} timing */
export function describe({ firstMs, totalMs }) {
  const words = [
    firstMs === undefined ? "" : `${formatMs(firstMs)} to the first word`,
    totalMs === undefined ? "" : `${formatMs(totalMs)} in all`,
  ];
  return words.filter(Boolean).join(", ");
}

/**
 * One turn as a bar: until the first word, and on to the end.
 *
 * @param {Timing} timing
 * @param {number} scaleMs
 */
export function drawTurn(timing, scaleMs) {
  const { firstMs = 0, totalMs = firstMs } = timing;
  const svg = picture("bar", 200, 6, describe(timing));
  svg.setAttribute("preserveAspectRatio", "none");
  const wide = (/** @type {number} */ ms) =>
    Math.max(ms > 0 ? 2 : 0, 200 * Math.min(1, ms / scaleMs));
  svg.append(
    rectangle("track", 0, 0, 200, 6),
    rectangle("total", 0, 0, wide(totalMs), 6),
    rectangle("first", 0, 0, wide(firstMs), 6),
  );
  return svg;
}

/**
 * A conversation: a bar a turn, the time to the first word before the whole.
 *
 * @param {readonly NumberedTiming[]} timings
 */
export function drawConversation(timings) {
  const shown = timings.slice(-MAX_BARS);
  const scaleMs = toScale(shown);
  const [width, height] = [240, 72];
  const slot = Math.min(20, width / Math.max(shown.length, 1));
  const svg = picture("bars", width, height, toSentence(shown));
  svg.append(
    line(0.5, width),
    line(height / 2, width),
    line(height - 0.5, width),
  );
  shown.forEach((timing, index) => {
    const { firstMs = 0, totalMs = firstMs } = timing;
    const group = drawing("g");
    const thick = Math.min(12, slot - 2);
    const x = index * slot + (slot - thick) / 2;
    for (
      const [name, ms] of /** @type {const} */ ([["total", totalMs], [
        "first",
        firstMs,
      ]])
    ) {
      if (ms <= 0) continue;
      const tall = Math.max(2, (height - 1) * Math.min(1, ms / scaleMs));
      group.append(rectangle(name, x, height - tall, thick, tall));
    }
    const title = `Turn ${timing.number}: ${describe(timing)}`;
    group.append(drawing("title", {}, [title]));
    svg.append(group);
  });
  return { svg, scaleMs };
}

/** @param {readonly NumberedTiming[]} timings */
function toSentence(timings) {
  if (timings.length === 0) return "No turn was timed yet";
  return timings.map((timing) => `turn ${timing.number}: ${describe(timing)}`)
    .join("; ");
}

/**
 * @param {string} name
 * @param {number} width
 * @param {number} height
 * @param {string} label
 */
function picture(name, width, height, label) {
  return drawing("svg", {
    class: name,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": label,
  });
}

/**
 * @param {string} name
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function rectangle(name, x, y, width, height) {
  return drawing("rect", {
    class: name,
    x: x.toFixed(2),
    y: y.toFixed(2),
    width: width.toFixed(2),
    height: height.toFixed(2),
  });
}

/**
 * @param {number} y
 * @param {number} width
 */
function line(y, width) {
  return drawing("path", { class: "rule", d: `M0 ${y}H${width}` });
}
