// @ts-check
/// <reference lib="dom" />
/**
 * What the page does while Parley is out of reach: it says so, and looks every
 * few seconds whether it is back.
 *
 * @module
 */
import { byId } from "../dom.js";
import { hush, warn } from "./notices.js";

/** How often it is asked whether Parley is back. */
const EVERY_MS = 3_000;

/**
 * Makes what waits for something to come back, asking from time to time.
 *
 * @param {object} parts
 * @param {() => Promise<boolean>} parts.isBack
 * @param {() => void} parts.onBack called once for each wait
 * @param {number} parts.everyMs how often it is asked
 */
export function createWait({ isBack, onBack, everyMs }) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  function end() {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    /** Begins to wait, if it doesn't already. */
    begin() {
      if (timer !== undefined) return;
      const mine = timer = setInterval(async () => {
        if (!await isBack() || timer !== mine) return;
        end();
        onBack();
      }, everyMs);
    },
    end,
  };
}

/**
 * Makes what is done while nobody answers.
 *
 * @param {() => void} reconnect
 */
export function createOffline(reconnect) {
  /** @type {[string, () => void]} */
  const offer = ["Reconnect", reconnect];
  const wait = createWait({
    everyMs: EVERY_MS,
    isBack: () => fetch("/health").then(({ ok }) => ok, () => false),
    onBack() {
      mark(false);
      warn("Parley is back. Reconnect to go on where you were.", offer);
    },
  });

  /** @param {boolean} isOffline */
  function mark(isOffline) {
    byId("model").toggleAttribute("data-offline", isOffline);
  }

  return {
    /** Nobody answered. */
    begin() {
      mark(true);
      warn(
        "Parley can't be reached. Start it again (deno task start); your words are kept in the field.",
        offer,
      );
      wait.begin();
    },
    /** It is tried again. */
    end() {
      hush();
      mark(false);
      wait.end();
    },
  };
}
