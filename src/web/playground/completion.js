// @ts-check
/// <reference lib="dom" />
/**
 * The newest turn as the request that another platform would send for it:
 * chat completions, with all that was said and heard before.
 *
 * @module
 */
import { html as view, useState } from "../preact.js";
import { quote } from "./curl.js";

/**
 * What is read of a turn.
 *
 * @typedef {object} Spoken
 * @property {Record<string, unknown>} request
 * @property {string} text all words of the answer
 * @property {number} heard how much of them was heard, in characters
 */

/**
 * Writes the request as a command for sh, bash and zsh; needs curl, and the key
 * in `API_KEY`. Pure.
 *
 * @param {readonly Spoken[]} turns
 * @param {{ origin: string, conversation: string }} place
 */
export function toCompletion(turns, { origin, conversation }) {
  const messages = turns.flatMap(({ request, text, heard }) => [
    ...request.type === "message"
      ? [{ role: "user", content: request.text }]
      : [],
    { role: "assistant", content: text.slice(0, heard) },
  ]).filter(({ content }) => content !== "");
  // The request ends with what the caller says: the answer is yet to come.
  const end = messages.findLastIndex(({ role }) => role === "user") + 1;
  const body = {
    model: "parley",
    stream: true,
    messages: messages.slice(0, end),
  };
  return [
    `curl -N ${quote(`${origin}/v1/chat/completions`)} \\`,
    `  -H "authorization: Bearer \${API_KEY:?is one of API_KEYS}" \\`,
    `  -H ${quote(`x-parley-conversation: ${conversation}`)} \\`,
    `  -H 'content-type: application/json' \\`,
    `  --data-binary ${quote(JSON.stringify(body))}`,
    "",
  ].join("\n");
}

/**
 * Shows the request, to be copied.
 *
 * @param {{ call: { id: string, turns: readonly Spoken[] } }} props
 */
export function Completion({ call }) {
  const [label, setLabel] = useState("Copy");
  const place = { origin: location.origin, conversation: call.id };
  const script = toCompletion(call.turns, place);
  async function copy() {
    try {
      await navigator.clipboard.writeText(script);
      setLabel("Copied");
      setTimeout(setLabel, 1_500, "Copy");
    } catch {
      // Browsers let a page copy at https or localhost alone.
      setLabel("Select it and copy it by hand");
    }
  }
  return view`
    <details id="completion">
      <summary>As chat completions</summary>
      <div class="data-form">
        <textarea id="completion-text" rows="6" readonly
          aria-label="The last turn as another platform would send it" value=${script}></textarea>
        <button type="button" onClick=${copy}>${label}</button>
      </div>
    </details>
  `;
}
