// @ts-check
/// <reference lib="dom" />
/**
 * What opens and closes beside the conversation: the panel, where there is no
 * room for it, the raw events, and the list of shortcuts.
 *
 * @module
 */
import { byId } from "../dom.js";

/** Makes the drawers work. */
export function createDrawers() {
  const panel = byId("panel");
  const panelToggle = byId("panel-toggle");
  const raw = byId("raw");
  const rawToggle = byId("raw-toggle");

  /** @param {boolean} isOpen */
  function setPanel(isOpen) {
    panel.toggleAttribute("data-open", isOpen);
    panelToggle.setAttribute("aria-expanded", String(isOpen));
  }

  /** @param {boolean} isOpen */
  function setRaw(isOpen) {
    raw.hidden = !isOpen;
    document.body.classList.toggle("with-raw", isOpen);
    setPanel(false);
    rawToggle.setAttribute("aria-expanded", String(isOpen));
    const list = byId("raw-list");
    list.scrollTop = list.scrollHeight;
    const toggle = rawToggle.checkVisibility() ? rawToggle : panelToggle;
    (isOpen ? byId("raw-close") : toggle).focus();
  }

  panelToggle.addEventListener("click", () => {
    setPanel(!panel.hasAttribute("data-open"));
  });
  rawToggle.addEventListener("click", () => setRaw(raw.hidden));
  byId("raw-close").addEventListener("click", () => setRaw(false));
  byId("help").addEventListener("click", showShortcuts);

  function showShortcuts() {
    byId("keys").showModal();
  }

  return {
    showShortcuts,
    closePanel() {
      setPanel(false);
    },
    /** Closes what lies on top. */
    close() {
      if (!raw.hidden) return setRaw(false);
      if (!panel.hasAttribute("data-open")) return;
      setPanel(false);
      panelToggle.focus();
    },
  };
}
