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

/** The server refused, or can't be reached; the message is for people. */
export class SendError extends Error {}

/**
 * Sends an event and yields what comes back. Leaving early is done with the
 * signal, which is the hang-up.
 *
 * @param {Record<string, unknown>} event
 * @param {AbortSignal} signal
 * @param {() => void} [onAccepted] called when the server has kept the event
 * @returns {AsyncGenerator<AnswerEvent, void>}
 * @throws {SendError}
 */
export async function* sendTurn(event, signal, onAccepted) {
  const response = await post(event, signal);
  if (!response.ok) throw await toError(response);
  onAccepted?.();
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream")) {
    yield await response.json();
    return;
  }
  let isOver = false;
  try {
    for await (const event of readEvents(response)) {
      isOver ||= event.type === "response.end";
      yield event;
    }
  } catch (error) {
    if (signal.aborted) throw error;
    // What happens to the connection after the last event matters to nobody.
    if (isOver) return;
    throw new SendError(
      "The connection to Parley broke in the middle of the answer.",
    );
  }
}

/**
 * @param {Record<string, unknown>} event
 * @param {AbortSignal} signal
 */
async function post(event, signal) {
  try {
    return await fetch("/playground/turn", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(event),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new SendError(
      "Parley can't be reached. Start it again (deno task start), then send anew.",
    );
  }
}

/** @param {Response} response */
async function toError(response) {
  const body = await response.json().catch(() => ({}));
  const message = body?.error?.message ?? "Parley refused the turn";
  return new SendError(`${message} (${response.status}).`);
}

/**
 * Reads Server-Sent Events.
 *
 * @param {Response} response
 * @returns {AsyncGenerator<AnswerEvent, void>}
 */
async function* readEvents(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = createParser();
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parse(value);
  }
}

/** Makes a function that takes text in any pieces and gives the events in it. */
export function createParser() {
  let rest = "";
  /**
   * @param {string} text
   * @returns {AnswerEvent[]}
   */
  return function parse(text) {
    const blocks = (rest + text).split("\n\n");
    rest = blocks.pop() ?? "";
    // The server writes each event as one line of JSON.
    return blocks.filter((block) => block.startsWith("data: "))
      .map((block) => JSON.parse(block.slice(6)));
  };
}
