// @ts-check
/**
 * Sends an event to the server, which signs it, and reads the answer.
 *
 * @module
 */

/**
 * An event of an answer.
 *
 * @typedef {object} AnswerEvent
 * @property {string} type
 * @property {unknown} [content]
 */

/**
 * Sends an event.
 *
 * @param {Record<string, unknown>} event
 * @param {AbortSignal | null} [signal] hangs up
 * @returns {Promise<Response | string>} the answer, or why there is none
 */
export async function post(event, signal = null) {
  try {
    const response = await fetch("/playground/turn", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(event),
      signal,
    });
    if (response.ok) return response;
    const body = await response.json().catch(() => undefined);
    const reason = body?.error?.message ?? "Parley refused the turn";
    return `${reason} (${response.status}).`;
  } catch {
    return "Parley can't be reached. Start it again (deno task start), then send anew.";
  }
}

/**
 * Reads the events of an answer as they come. The server writes each as one
 * line of JSON.
 *
 * @param {Response} response
 * @returns {AsyncGenerator<AnswerEvent, void>}
 */
export async function* readEvents({ body }) {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      if (block.startsWith("data: ")) yield JSON.parse(block.slice(6));
    }
  }
}
