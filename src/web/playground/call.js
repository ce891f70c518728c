// @ts-check
/**
 * A conversation as Layercode would hold it: its ids, its turns, and what the
 * agent is told about an interruption. Knows no page.
 *
 * @module
 */
import { readEvents } from "./send.js";
import { Turn } from "./turn.js";

/**
 * What a conversation needs.
 *
 * @typedef {object} CallParts
 * @property {typeof import("./send.js").post} post
 * @property {Pick<import("./speaker.js").Speaker, "isOn" | "begin" | "add" | "stop">} speaker
 * @property {() => number} now in milliseconds
 * @property {() => void} onChange called when something about a turn changes
 */

const BROKEN = "The answer broke off: its connection broke in the middle.";

/**
 * Makes a new id, as Layercode's look. Away from https and localhost, browsers
 * have no `randomUUID()`.
 *
 * @param {string} prefix
 */
export function newId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"));
  return `${prefix}_${hex.join("")}`;
}

/** A conversation with the agent. */
export class Call {
  /** The conversation's id. */
  id = "";
  /** All turns, oldest first. @type {Turn[]} */
  turns = [];
  /** @type {CallParts} */
  #parts;
  #sessionId = "";
  /** What the next message tells of. @type {Record<string, unknown> | undefined} */
  #interruption;

  /** @param {CallParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The newest turn. */
  get last() {
    return this.turns.at(-1);
  }

  /**
   * Begins a conversation, or goes on with one.
   *
   * @param {string} [id]
   */
  open(id = newId("conv")) {
    this.interrupt();
    this.id = id;
    this.turns = [];
    this.#interruption = undefined;
    return this.connect();
  }

  /** Connects anew: same conversation, new session. */
  connect() {
    this.interrupt();
    this.#sessionId = newId("sess");
    return this.#run("session.start");
  }

  /**
   * Says something. What the agent is just saying is cut off.
   *
   * @param {string} text
   * @returns {Promise<boolean>} whether the server took it
   */
  say(text) {
    this.interrupt();
    const told = this.#interruption && {
      interruption_context: this.#interruption,
    };
    return this.#run("message", { text, ...told });
  }

  /** Cuts the agent off. Returns whether there was something to cut off. */
  interrupt() {
    if (!this.last?.isOpen) return false;
    this.last.hangUp.abort();
    this.#cutOff(this.last);
    this.#interruption = toInterruption(this.last);
    return true;
  }

  /** Stops reading aloud: what is on the page counts as heard. */
  mute() {
    this.#parts.speaker.stop();
    const turn = this.last;
    if (!turn?.isSpoken) return;
    turn.isSpoken = false;
    turn.hearAll();
    this.#parts.onChange();
  }

  /** Reads the newest answer aloud, where it is whole and wasn't yet. */
  readAloud() {
    const { speaker, onChange } = this.#parts;
    const turn = this.last;
    if (turn?.state !== "complete" || turn.text === "") return;
    turn.rewind();
    this.#speak(turn);
    speaker.add(turn.text);
    speaker.add();
    onChange();
  }

  /**
   * Sends JSON as a page would, outside of any turn.
   *
   * @param {unknown} data
   * @returns {Promise<string>} what came of it
   */
  async sendData(data) {
    const response = await this.#parts.post(this.#toRequest("data", { data }));
    if (typeof response === "string") return response;
    return `Answer: ${JSON.stringify(await response.json())}`;
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
   * Sends a turn and follows the answer to its end, or to where it is cut off.
   *
   * @param {string} type
   * @param {Record<string, unknown>} [content]
   * @returns {Promise<boolean>} whether the server took it
   */
  async #run(type, content) {
    const { post, speaker, now, onChange } = this.#parts;
    const request = this.#toRequest(type, content);
    const turn = new Turn(request, { isSpoken: speaker.isOn, now: now() });
    this.turns.push(turn);
    if (turn.isSpoken) this.#speak(turn);
    onChange();
    const { signal } = turn.hangUp;
    const response = await post(request, signal);
    if (signal.aborted) return true;
    if (typeof response === "string") {
      this.#cutOff(turn, response);
      return false;
    }
    if (content?.interruption_context) this.#interruption = undefined;
    await this.#follow(turn, response);
    return true;
  }

  /**
   * @param {Turn} turn
   * @param {Response} response
   */
  async #follow(turn, response) {
    const { speaker, now, onChange } = this.#parts;
    const { signal } = turn.hangUp;
    try {
      for await (const event of readEvents(response)) {
        if (signal.aborted) return;
        turn.add(event, now());
        if (turn.isSpoken && event.type === "response.tts") {
          speaker.add(String(event.content));
        }
        onChange();
      }
    } catch {
      // What happens to the connection after the last event matters to nobody.
    }
    if (signal.aborted) return;
    if (turn.isWhole) {
      if (turn.isSpoken) speaker.add();
      return;
    }
    // The server may have sent more than came, so the agent is told.
    this.#cutOff(turn, BROKEN);
    this.#interruption = toInterruption(turn);
  }

  /**
   * @param {Turn} turn
   * @param {string} [trouble]
   */
  #cutOff(turn, trouble) {
    const { speaker, now, onChange } = this.#parts;
    const heard = turn.isSpoken ? speaker.stop() : turn.text.length;
    turn.cutOff(heard, now(), trouble);
    onChange();
  }

  /** Has the speaker tell how far into a turn it has come. @param {Turn} turn */
  #speak(turn) {
    const { speaker, onChange } = this.#parts;
    speaker.begin((offset, isOver) => {
      turn.heard = offset;
      if (isOver) turn.hearAll();
      onChange();
    });
  }
}

/** Tells of a turn that was cut off as Layercode does. @param {Turn} turn */
function toInterruption({ key, text, heard }) {
  const words = text.slice(0, heard);
  return {
    previous_turn_interrupted: true,
    words_heard: words.match(/\S+/gu)?.length ?? 0,
    text_heard: words.trimEnd(),
    assistant_turn_id: key,
  };
}
