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
 * @property {typeof post} post
 * @property {Pick<import("./speaker.js").Speaker, "isOn" | "begin" | "add" | "stop">} speaker
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
  /** @type {CallParts} */
  #parts;
  #sessionId = "";
  /** What the next message tells of. @type {Record<string, unknown> | undefined} */
  #interruption;

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
    const told = this.#interruption && {
      interruption_context: this.#interruption,
    };
    return this.#run(this.#toRequest("message", { text, ...told }));
  }

  /**
   * Sends the newest turn again as it was, as Layercode may: one that was
   * finished is answered from the record, one that was cut off anew.
   */
  repeat() {
    this.interrupt();
    const turn = this.turns.pop();
    if (turn === undefined) return;
    // What was cut off is no longer: it is answered from its beginning.
    if (this.#interruption?.assistant_turn_id === turn.key) {
      this.#interruption = undefined;
    }
    return this.#run(turn.request);
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
    if (!turn?.isSpoken || !turn.isOpen) return;
    turn.isSpoken = false;
    turn.hear(turn.text.length);
    this.#parts.onChange();
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
   * Sends a turn and follows the answer to its end, or to where it is cut off.
   *
   * @param {Record<string, unknown>} request
   * @returns {Promise<boolean>} whether the server took it
   */
  async #run(request) {
    const { post, speaker, now, onChange } = this.#parts;
    const turn = new Turn(request, { isSpoken: speaker.isOn, now: now() });
    const { signal } = turn.hangUp;
    this.turns.push(turn);
    if (turn.isSpoken) {
      speaker.begin((offset) => {
        turn.hear(offset);
        onChange();
      });
    }
    onChange();
    let isTaken = false;
    try {
      const response = await post(request, signal);
      isTaken = true;
      if (request.interruption_context) this.#interruption = undefined;
      for await (const event of readEvents(response)) {
        if (signal.aborted) return true;
        turn.add(event, now());
        if (turn.isSpoken && event.type === "response.tts") {
          speaker.add(String(event.content));
        }
        if (turn.isSpoken && event.type === "response.end") speaker.add();
        onChange();
      }
      if (!turn.isWhole) throw new Error("The answer broke off");
    } catch (error) {
      // A connection that broke after the last event matters to nobody.
      if (signal.aborted || turn.isWhole) return true;
      this.#cutOff(turn, isTaken ? BROKEN : Object(error).message);
      // The server may have sent more than came, so the agent is told.
      if (isTaken) this.#interruption = toInterruption(turn);
    }
    return isTaken;
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

/**
 * Sends an event to the server, which signs it.
 *
 * @param {Record<string, unknown>} event
 * @param {AbortSignal | null} [signal] hangs up
 * @returns {Promise<Response>} the answer
 * @throws {Error} why there is none
 */
export async function post(event, signal = null) {
  const response = await fetch("/playground/turn", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
    signal,
  }).catch(() => {
    throw new Error("Parley can't be reached. Start it again, then send anew.");
  });
  if (response.ok) return response;
  const body = await response.json().catch(() => undefined);
  throw new Error(body?.error?.message ?? `Refused (${response.status})`);
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
