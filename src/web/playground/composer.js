// @ts-check
/// <reference lib="dom" />
/**
 * The field that one types in, and what one could say at the beginning.
 *
 * @module
 */
import { byId, element } from "../dom.js";

const HINTS = [
  "What can you do?",
  "What time is it in Tokyo?",
  "Please remember that my name is Ada.",
];

/**
 * Makes the field work.
 *
 * @param {(text: string) => void} say
 */
export function createComposer(say) {
  const words = byId("words");
  let newest = "";

  /** @param {string} text */
  function write(text) {
    words.value = text;
    fit();
  }

  /** As high as its text. */
  function fit() {
    words.style.height = "auto";
    words.style.height = `${words.scrollHeight}px`;
  }

  function submit() {
    const text = words.value.trim();
    if (text === "") return;
    write("");
    say(text);
  }

  words.addEventListener("input", fit);
  words.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
    if (event.key === "ArrowUp" && words.value === "" && newest !== "") {
      event.preventDefault();
      write(newest);
    }
  });
  byId("composer").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
    words.focus();
  });
  for (const hint of HINTS) {
    const button = element("button", { type: "button" }, [hint]);
    button.addEventListener("click", () => {
      say(hint);
      words.focus();
    });
    byId("hints").append(button);
  }

  return {
    focus() {
      words.focus();
    },
    /** What was said last, in whatever way, can be had again. @param {string} text */
    keep(text) {
      newest = text;
    },
    /** Nothing that was written gets lost. @param {string} text */
    giveBack(text) {
      if (words.value === "") write(text);
    },
  };
}
