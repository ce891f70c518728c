/**
 * A conversation in the role of Layercode: its ids, its turns, and the report of
 * an interruption to the agent. Independent of the page.
 *
 * @module
 */
import { Turn } from "./turn.js";

/**
 * The dependencies of a conversation.
 *
 * @typedef {object} CallParts
 * @property {string | undefined} [id] the id of a conversation to continue
 * @property {(request: Record<string, unknown>, signal?: AbortSignal) => Promise<Response>} post
 * sends a request to the server, which signs it
 * @property {() => Turn["speaker"]} createSpeaker creates the speaker of an answer, if answers are read aloud
 * @property {() => number} now returns the time in milliseconds
 * @property {() => void} onChange called when something about a turn changes
 */

const BROKEN = "The answer broke off: the connection broke in the middle.";

/**
 * Creates a random id. `randomUUID()` exists only at https and on localhost.
 *
 * @param {string} prefix
 */
export function newId(prefix) {
  return `${prefix}_${crypto.getRandomValues(new Uint32Array(2)).join("")}`;
}

/** A conversation with the agent. */
export class Call {
  /** All turns, oldest first. @type {Turn[]} */
  turns = [];
  #parts;
  #sessionId = "";

  /** @param {CallParts} parts */
  constructor(parts) {
    this.#parts = parts;
    /** The conversation's id. */
    this.id = parts.id ?? newId("conv");
  }

  /** The newest turn. */
  get last() {
    return this.turns.at(-1);
  }

  /** Connects, or reconnects with a new session of the same conversation. */
  connect() {
    this.interrupt();
    this.#sessionId = newId("sess");
    return this.#run(this.#toRequest("session.start"));
  }

  /**
   * Sends a text as the caller's words. Interrupts the agent.
   *
   * @param {string} text
   * @returns {Promise<boolean>} whether the server accepted it
   */
  say(text) {
    this.interrupt();
    const interruption = this.#toInterruption();
    return this.#run(this.#toRequest("message", { text, ...interruption }));
  }

  /**
   * Sends the newest turn again unchanged, as Layercode may. The server answers
   * a finished turn from the record, and an interrupted turn anew.
   */
  repeat() {
    this.interrupt();
    const turn = this.turns.pop();
    return turn && this.#run(turn.request);
  }

  /** Interrupts the agent. Returns whether it was answering or speaking. */
  interrupt() {
    if (!this.last?.isOpen) return false;
    this.last.cutOff(this.#parts.now());
    this.#parts.onChange();
    return true;
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [content]
   */
  #toRequest(type, content) {
    return {
      type,
      conversation_id: this.id,
      session_id: this.#sessionId,
      turn_id: newId("turn"),
      ...content,
    };
  }

  /** Reports, as Layercode does, that the newest turn was interrupted. */
  #toInterruption() {
    const { last } = this;
    if (last?.cut?.status !== "interrupted") return {};
    return {
      interruption_context: {
        previous_turn_interrupted: true,
        words_heard: last.heard.match(/\S+/gu)?.length ?? 0,
        text_heard: last.heard.trimEnd(),
        assistant_turn_id: last.request.turn_id,
      },
    };
  }

  /**
   * Sends a turn and reads the answer until it ends or is cut off.
   *
   * @param {Record<string, unknown>} request
   * @returns {Promise<boolean>} whether the server accepted it
   */
  async #run(request) {
    const { post, createSpeaker, now, onChange } = this.#parts;
    const turn = new Turn(request, now(), createSpeaker());
    this.turns.push(turn);
    onChange();
    let response;
    let trouble = BROKEN;
    try {
      response = await post(request, turn.hangUp.signal);
      for await (const event of readEvents(response)) {
        if (turn.cut) return true;
        turn.add(event, now());
        onChange();
      }
    } catch (error) {
      if (!response) trouble = Object(error).message;
    }
    // After the last event, a broken connection does not matter.
    if (turn.isReceived || turn.cut) return true;
    turn.cutOff(now(), trouble);
    onChange();
    return response !== undefined;
  }
}

/**
 * Reads the events of an answer as they arrive. The server writes each event as
 * one line of JSON.
 *
 * @param {Response} response
 * @returns {AsyncGenerator<import("./turn.js").AnswerEvent, void>}
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
