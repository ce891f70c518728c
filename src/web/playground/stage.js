// @ts-check
/// <reference lib="dom" />
/**
 * The conversation on the page: its turns one below the other, drawn to one
 * scale, and followed to the end unless somebody reads further up.
 *
 * @module
 */
import { byId } from "../dom.js";
import { toScale } from "./chart.js";
import { createTurnView } from "./view.js";

/** @typedef {import("./turn.js").Turn} Turn */

/** So near the end, in pixels, one is reading the end. */
const NEAR = 80;

/** Makes the conversation on the page. */
export function createStage() {
  const scroll = byId("scroll");
  /** @type {Map<Turn, import("./view.js").TurnView>} */
  const views = new Map();
  let scaleMs = 0;
  /** Whoever reads the end stays there, whatever comes and changes its size. */
  let isAtEnd = true;

  function follow() {
    if (isAtEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  scroll.addEventListener("scroll", () => {
    const below = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
    isAtEnd = below < NEAR;
  });
  new ResizeObserver(follow).observe(scroll);

  /** All bars have one scale, so that turns can be compared. */
  function rescale() {
    const wanted = toScale([...views.keys()]);
    if (wanted === scaleMs) return;
    scaleMs = wanted;
    for (const view of views.values()) view.update(scaleMs);
  }

  return {
    /** All turns, oldest first. */
    turns: () => [...views.keys()],
    /** Gives a turn that begins its place. @param {Turn} turn */
    add(turn) {
      const view = createTurnView(turn);
      views.set(turn, view);
      byId("turns").append(view.root);
      const isFresh = views.size === 1 && turn.request.type !== "message";
      document.body.classList.toggle("fresh", isFresh);
      byId("hints").hidden = !isFresh;
      isAtEnd = true;
    },
    /** Shows how a turn stands. @param {Turn} turn */
    update(turn) {
      rescale();
      views.get(turn)?.update(scaleMs);
      follow();
    },
    /** Forgets everything. */
    clear() {
      views.clear();
      byId("turns").replaceChildren();
      scaleMs = 0;
    },
  };
}
