/**
 * A conversation in the role of Layercode: its ids, its turns, and the report of
 * an interruption to the agent. Independent of the page.
 *
 * @module
 */
import { Turn } from "./turn.js";

/**
 * @typedef {object} CallParts
 * @property {string | undefined} [id] the id of a conversation to continue
 * @property {(request: Record<string, unknown>, signal?: AbortSignal) => Promise<Response>} post
 * @property {() => Turn["speaker"]} createSpeaker
 * @property {() => number} now
 * @property {() => void} onChange
 */

const BROKEN = "The answer broke off: the connection broke in the middle.";

/** Unlike `randomUUID()`, this also works without https. @param {string} prefix */
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
    this.id = parts.id ?? newId("conv");
  }

  get last() {
    return this.turns.at(-1);
  }

  /** Connects, or reconnects with a new session of the same conversation. */
  connect() {
    this.interrupt();
    this.#sessionId = newId("sess");
    return this.#run(this.#toRequest("session.start"));
  }

  /** Interrupts the agent. Returns whether the server accepted the text. @param {string} text */
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

  /** @param {string} type @param {Record<string, unknown>} [content] */
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

  /** Returns whether the server accepted the request. @param {Record<string, unknown>} request */
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

/** @param {Response} response @returns {AsyncGenerator<import("./turn.js").AnswerEvent, void>} */
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
