// @ts-check
/**
 * A conversation as Layercode would hold it: its ids, its turns, and what is
 * told about an interruption. Knows no page; it is told what to send and tells
 * when something changes.
 *
 * @module
 */
import { toInterruption } from "./heard.js";
import { SendError } from "./send.js";
import { addEvent, createTurn, cutOff, isOpen } from "./turn.js";

/** @typedef {import("./turn.js").Turn} Turn */

/**
 * What a conversation needs.
 *
 * @typedef {object} CallParts
 * @property {typeof import("./send.js").sendTurn} send
 * @property {Pick<import("./speaker.js").Speaker, "isOn" | "begin" | "add" | "end" | "stop">} speaker
 * @property {() => number} now in milliseconds
 * @property {() => void} onChange called when something about a turn changes
 */

/**
 * Makes a new id, as Layercode's look.
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
  /** Ends the newest turn's connection. */
  #hangUp = new AbortController();
  /** What the next message tells of. @type {import("./heard.js").Interruption | undefined} */
  #interruption;

  /** @param {CallParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** The newest turn. */
  get last() {
    return this.turns.at(-1);
  }

  /** Whether the agent is still answering, or still speaking. */
  get isOpen() {
    return this.last !== undefined && isOpen(this.last);
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
    const told = this.#interruption;
    return this.#run(this.#toRequest("message", {
      text,
      ...(told ? { interruption_context: told } : {}),
    }));
  }

  /** Cuts the agent off. Returns whether there was something to cut off. */
  interrupt() {
    const turn = this.last;
    if (turn === undefined || !isOpen(turn)) return false;
    const { speaker, now, onChange } = this.#parts;
    this.#hangUp.abort();
    cutOff(turn, turn.isSpoken ? speaker.stop() : turn.text.length, now());
    this.#interruption = toInterruption(
      turn.id,
      turn.text.slice(0, turn.heard),
    );
    onChange();
    return true;
  }

  /** Stops reading aloud: what is on the page counts as heard. */
  mute() {
    this.#parts.speaker.stop();
    const turn = this.last;
    if (!turn?.isSpoken) return;
    turn.isSpoken = turn.isSpeaking = false;
    turn.heard = turn.text.length;
    this.#parts.onChange();
  }

  /** Reads the newest answer aloud, where it is whole and wasn't yet. */
  readAloud() {
    const turn = this.last;
    if (turn?.state !== "complete" || turn.isSpeaking || turn.text === "") {
      return;
    }
    turn.isSpoken = turn.isSpeaking = true;
    turn.heard = 0;
    this.#speak(turn);
    this.#parts.speaker.add(turn.text);
    this.#parts.speaker.end();
    this.#parts.onChange();
  }

  /**
   * Sends JSON as a page would, outside of any turn.
   *
   * @param {unknown} data
   * @returns {Promise<unknown>} the answer
   */
  async sendData(data) {
    const { signal } = new AbortController();
    const request = this.#toRequest("data", { data });
    for await (const answer of this.#parts.send(request, signal)) {
      return answer;
    }
    return undefined;
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
   * @param {Record<string, unknown>} request
   * @returns {Promise<boolean>} whether the server took it
   */
  async #run(request) {
    const { send, speaker, now, onChange } = this.#parts;
    const { signal } = this.#hangUp = new AbortController();
    const turn = createTurn(request, { isSpoken: speaker.isOn, now: now() });
    let isAccepted = false;
    this.turns.push(turn);
    if (turn.isSpoken) this.#speak(turn);
    onChange();
    try {
      const events = send(request, signal, () => {
        isAccepted = true;
        if (request.interruption_context) this.#interruption = undefined;
      });
      await this.#follow(turn, events, signal);
    } catch (error) {
      if (signal.aborted) return true;
      if (isAccepted) turn.totalMs = now() - turn.startedAt;
      this.#fail(turn, error);
    }
    onChange();
    return isAccepted;
  }

  /**
   * @param {Turn} turn
   * @param {AsyncIterable<import("./send.js").AnswerEvent>} events
   * @param {AbortSignal} signal
   */
  async #follow(turn, events, signal) {
    const { speaker, now, onChange } = this.#parts;
    for await (const event of events) {
      if (signal.aborted) return;
      addEvent(turn, event, now());
      if (turn.isSpoken && event.type === "response.tts") {
        speaker.add(String(event.content));
      }
      onChange();
    }
    if (signal.aborted) return;
    if (turn.state !== "complete" && turn.state !== "failed") {
      throw new SendError("The answer broke off before its end.");
    }
    if (turn.isSpoken) speaker.end();
  }

  /**
   * What came until then is all that could be heard; the server may have sent
   * more, so the agent is told.
   *
   * @param {Turn} turn
   * @param {unknown} error
   */
  #fail(turn, error) {
    turn.state = "failed";
    turn.trouble = error instanceof SendError
      ? error.message
      : `The answer can't be read: ${error}.`;
    if (turn.isSpoken) this.#parts.speaker.end();
    if (turn.text !== "") {
      this.#interruption = toInterruption(turn.id, turn.text);
    }
  }

  /** Has the speaker tell how far into a turn it has come. @param {Turn} turn */
  #speak(turn) {
    const { speaker, onChange } = this.#parts;
    speaker.begin((offset, isOver) => {
      if (!turn.isSpoken) return;
      turn.heard = isOver ? turn.text.length : offset;
      if (isOver) turn.isSpeaking = false;
      onChange();
    });
  }
}
