// @ts-check
/// <reference lib="dom" />
/**
 * Copying: by the clipboard, the old way, or by hand.
 *
 * @module
 */
import { byId, element } from "../dom.js";
import { tell } from "./notices.js";

/**
 * Copies a text and says so on the button, or offers it for copying by hand.
 *
 * @param {HTMLElement} button
 * @param {string} text
 */
export async function copyFrom(button, text) {
  if (!await copyText(text)) {
    byId("by-hand-text").value = text;
    byId("by-hand").showModal();
    byId("by-hand-text").select();
    return;
  }
  const label = button.dataset.label ??= button.textContent ?? "";
  button.textContent = "Copied";
  tell("Copied");
  setTimeout(() => button.textContent = label, 1_500);
}

/**
 * Copies a text. Browsers offer the modern way on secure pages only.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it worked
 */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not allowed, or not there: the old way.
  }
  const area = /** @type {HTMLTextAreaElement} */ (element("textarea", {
    class: "aside",
    "aria-hidden": "true",
  }));
  const before = document.activeElement;
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return isDone;
}
