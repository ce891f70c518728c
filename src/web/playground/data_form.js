// @ts-check
/// <reference lib="dom" />
/**
 * The form that sends JSON to the agent, as a page would.
 *
 * @module
 */
import { byId } from "../dom.js";

/**
 * Makes the form work.
 *
 * @param {(data: unknown) => Promise<unknown>} send resolves with the answer
 */
export function createDataForm(send) {
  const answer = byId("data-answer");
  byId("data-form").addEventListener("submit", async (
    /** @type {Event} */ event,
  ) => {
    event.preventDefault();
    try {
      answer.textContent = "Sent…";
      const got = await send(JSON.parse(byId("data").value));
      answer.textContent = `Answer: ${JSON.stringify(got)}`;
    } catch (error) {
      answer.textContent = error instanceof SyntaxError
        ? "This is not JSON: names and texts need double quotes."
        : String(/** @type {Error} */ (error).message);
    }
  });
}
