// @ts-check
/// <reference lib="dom" />
/**
 * What the scripts of all pages share.
 *
 * @module
 */

/** What the server tells a page's script. Each script knows what that is. */
export function readData() {
  return JSON.parse(document.body.dataset.page ?? "");
}

/**
 * Finds an element that the page is known to have, hence the cast.
 *
 * @param {string} selector
 */
export function find(selector) {
  return /** @type {HTMLElement} */ (document.querySelector(selector));
}

/**
 * Takes what was written into a form that is submitted, which is then empty,
 * without leaving the page.
 *
 * @param {SubmitEvent} event
 * @param {string} name the field's
 */
export function takeField(event, name) {
  event.preventDefault();
  // Of an event, TypeScript doesn't know what element it is for.
  const form = /** @type {HTMLFormElement} */ (event.currentTarget);
  const text = String(new FormData(form).get(name)).trim();
  form.reset();
  return text;
}
