// @ts-check
/**
 * A conversation as Layercode would hold it: its ids, its turns, and what the
 * agent is told about an interruption. Knows no page.
 *
 * @module
 */
import { Turn } from "./turn.js";

/**
 * What a conversation needs.
 *
 * @typedef {object} CallParts
 * @property {string | undefined} [id] of a conversation that goes on
 * @property {(request: Record<string, unknown>, signal?: AbortSignal) => Promise<Response>} post
 * sends to the server, which signs it
 * @property {() => Turn["speaker"]} createSpeaker makes what reads an answer aloud, if that is wished
 * @property {() => number} now in milliseconds
 * @property {() => void} onChange called when something about a turn changes
 */

const BROKEN = "The answer broke off: its connection broke in the middle.";

/**
 * Makes a new id. Away from https and localhost, browsers have no
 * `randomUUID()`.
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

  /** Connects, or connects anew: same conversation, new session. */
  connect() {
    this.interrupt();
    this.#sessionId = newId("sess");
    return this.#run(this.#toRequest("session.start"));
  }

  /**
   * Says something. What the agent is just saying is cut off.
   *
   * @param {string} text
   * @returns {Promise<boolean>} whether the server took it
   */
  say(text) {
    this.interrupt();
    const told = this.#toInterruption();
    return this.#run(this.#toRequest("message", { text, ...told }));
  }

  /**
   * Sends the newest turn again as it was, as Layercode may: one that was
   * finished is answered from the record, one that was cut off anew.
   */
  repeat() {
    this.interrupt();
    const turn = this.turns.pop();
    return turn && this.#run(turn.request);
  }

  /** Cuts the agent off. Returns whether there was something to cut off. */
  interrupt() {
    if (!this.last?.isOpen) return false;
    this.last.cutOff(this.#parts.now());
    this.#parts.onChange();
    return true;
  }

  /**
   * Sends JSON as a page would, outside of any turn.
   *
   * @param {unknown} data
   * @returns {Promise<unknown>} the answer
   */
  async sendData(data) {
    const response = await this.#parts.post(this.#toRequest("data", { data }));
    return await response.json();
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

  /**
   * Tells of the turn that was cut off, as Layercode does, unless a message
   * has done so that the server took. A turn that broke off is one, too: the
   * server may have sent more than came.
   */
  #toInterruption() {
    const turn = this.turns.findLast(({ isRefused, cut, caller }) =>
      !isRefused && (cut || caller !== undefined)
    );
    if (!turn?.cut) return {};
    const words = turn.text.slice(0, turn.heard);
    return {
      interruption_context: {
        previous_turn_interrupted: true,
        words_heard: words.match(/\S+/gu)?.length ?? 0,
        text_heard: words.trimEnd(),
        assistant_turn_id: turn.key,
      },
    };
  }

  /**
   * Sends a turn and follows the answer to its end, or to where it is cut off.
   *
   * @param {Record<string, unknown>} request
   * @returns {Promise<boolean>} whether the server took it
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
    // A connection that broke after the last event matters to nobody.
    if (turn.isWhole || turn.cut) return true;
    turn.isRefused = !response;
    turn.cutOff(now(), trouble);
    onChange();
    return !turn.isRefused;
  }
}

/**
 * Reads the events of an answer as they come. The server writes each as one
 * line of JSON.
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
