// @ts-check
/// <reference lib="dom" />
/**
 * What the page says of itself: warnings above the field, and words for screen
 * readers alone.
 *
 * @module
 */
import { byId, element } from "../dom.js";

/** How many of the agent's sentences are kept for those who hear the page. */
const MAX_ANNOUNCED = 20;

/**
 * Shows what is wrong.
 *
 * @param {string} text
 * @param {[label: string, action: () => void]} [offer] a button to mend it with
 */
export function warn(text, offer) {
  const alert = byId("alert");
  alert.replaceChildren(element("span", {}, [text]));
  if (offer) {
    const [label, action] = offer;
    const button = element("button", { type: "button", class: "small" }, [
      label,
    ]);
    button.addEventListener("click", action);
    alert.append(button);
  }
  alert.hidden = false;
}

/** Takes the warning away. */
export function hush() {
  byId("alert").hidden = true;
}

/**
 * Tells a screen reader what has just been done.
 *
 * @param {string} text
 */
export function tell(text) {
  byId("status").textContent = text;
}

/**
 * Has a screen reader read a sentence of the agent's.
 *
 * @param {string} sentence
 */
export function announce(sentence) {
  const live = byId("live");
  live.append(element("span", {}, [`${sentence} `]));
  while (live.childElementCount > MAX_ANNOUNCED) {
    live.firstElementChild.remove();
  }
}

/** Takes back what was announced. */
export function clearAnnounced() {
  byId("live").replaceChildren();
}
