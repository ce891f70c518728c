// @ts-check
/// <reference lib="dom" />
/**
 * The keyboard shortcuts that work on the whole page.
 *
 * @module
 */

/**
 * Where the focus is: on something to write in, on something to press, or on
 * neither.
 *
 * @typedef {"field" | "control" | "nowhere"} Focus
 */

/**
 * What a key asks for.
 *
 * @param {string} key
 * @param {Focus} focus
 * @returns {"stop" | "talk" | "write" | "help" | undefined}
 */
export function toShortcut(key, focus) {
  if (key === "Escape") return "stop";
  if (focus === "field") return undefined;
  if (key === "/") return "write";
  if (key === "?") return "help";
  // On a button it presses that.
  return key === " " && focus === "nowhere" ? "talk" : undefined;
}

/**
 * What the shortcuts do.
 *
 * @typedef {object} KeyboardParts
 * @property {() => boolean} interrupt returns whether there was something to
 * @property {() => void} close closes what lies on top
 * @property {() => boolean} hold listens until released, if it can
 * @property {() => void} release
 * @property {() => void} write goes to the field
 * @property {() => void} help
 */

/**
 * Makes the shortcuts work.
 *
 * @param {KeyboardParts} parts
 */
export function createKeyboard(parts) {
  let isHeld = false;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    switch (toShortcut(event.key, toFocus(event.target))) {
      case "stop":
        if (parts.interrupt()) event.preventDefault();
        else parts.close();
        break;
      case "talk":
        event.preventDefault();
        if (event.repeat || isHeld) break;
        parts.interrupt();
        isHeld = parts.hold();
        break;
      case "write":
        event.preventDefault();
        parts.write();
        break;
      case "help":
        parts.help();
        break;
    }
  });
  function release() {
    if (!isHeld) return;
    isHeld = false;
    parts.release();
  }
  document.addEventListener("keyup", ({ key }) => {
    if (key === " ") release();
  });
  // Let go in another window, it is never heard of: nobody is to listen on.
  globalThis.addEventListener("blur", release);
}

/**
 * @param {EventTarget | null} target
 * @returns {Focus}
 */
function toFocus(target) {
  if (!(target instanceof Element)) return "nowhere";
  if (target.closest("input, textarea, select")) return "field";
  return target.closest("button, a, summary") ? "control" : "nowhere";
}
