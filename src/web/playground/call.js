// @ts-check
/**
 * A conversation as Layercode would hold it: its ids, its turns, and what is
 * told about an interruption. Knows no page; it is told what to send and tells
 * what happens.
 *
 * @module
 */
import { toInterruption } from "./heard.js";
import { createReading } from "./reading.js";
import { SendError } from "./send.js";
import { createTurn, cutOff, isOpen, takeEvent } from "./turn.js";

/** @typedef {import("./turn.js").Turn} Turn */
/** @typedef {ReturnType<typeof createCall>} Call */

/**
 * What a conversation needs.
 *
 * @typedef {object} CallParts
 * @property {typeof import("./send.js").sendTurn} send
 * @property {import("./voice_out.js").Speaker} speaker
 * @property {() => number} now in milliseconds
 * @property {(turn: Turn) => void} onTurn called when a turn begins
 * @property {(turn: Turn) => void} onChange called when something about it changes
 * @property {(sentence: string, turn: Turn) => void} onSentence
 * @property {(turn: Turn | undefined, kind: string, content: unknown) => void} onEvent
 * @property {(error: SendError, turn: Turn) => void} onTrouble
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

/**
 * Makes a conversation.
 *
 * @param {CallParts} parts
 */
export function createCall(parts) {
  const { send, speaker, now } = parts;
  let conversationId = "";
  let sessionId = "";
  let count = 0;
  /** @type {Turn | undefined} */
  let last;
  /** @type {AbortController | undefined} */
  let hangUp;
  /** What the next message tells of. @type {import("./heard.js").Interruption | undefined} */
  let interruption;

  /** Cuts the agent off. */
  function interrupt() {
    if (last === undefined || !isOpen(last)) return false;
    const turn = last;
    hangUp?.abort();
    cutOff(turn, turn.isSpoken ? speaker.stop() : turn.text.length, now());
    interruption = toInterruption(turn.id, turn.text.slice(0, turn.heard));
    parts.onEvent(turn, "interrupted", interruption);
    parts.onChange(turn);
    return true;
  }

  /**
   * Sends a turn and follows the answer to its end, or to where it is cut off.
   * Resolves with `false` where the server didn't take it.
   *
   * @param {Record<string, unknown>} request
   * @param {Turn} [before] the same turn, sent before
   * @returns {Promise<boolean>}
   */
  async function run(request, before) {
    const { signal } = hangUp = new AbortController();
    const turn = last = createTurn(request, {
      number: ++count,
      isSpoken: speaker.isOn(),
      now: now(),
      before,
    });
    const reading = createReading(turn, parts);
    parts.onTurn(turn);
    parts.onEvent(turn, "request", request);
    let accepted = false;
    try {
      const events = send(request, signal, () => {
        accepted = true;
        // Told, or of a turn that is said again and so no longer cut off.
        if (
          request.interruption_context !== undefined ||
          interruption?.assistant_turn_id === turn.id
        ) interruption = undefined;
      });
      for await (const event of events) {
        if (signal.aborted) return true;
        parts.onEvent(turn, "event", event);
        takeEvent(turn, event, now());
        if (event.type === "response.tts") reading.add(String(event.content));
        parts.onChange(turn);
      }
      if (signal.aborted) return true;
      if (turn.state !== "complete" && turn.state !== "failed") {
        throw new SendError("The answer broke off before its end.", true);
      }
      reading.end();
      if (!turn.isSpoken || !turn.isSpeaking) turn.heard = turn.text.length;
    } catch (error) {
      if (signal.aborted) return true;
      const trouble = error instanceof SendError
        ? error
        : new SendError(`The answer can't be read: ${error}.`, false);
      turn.state = "failed";
      turn.trouble = trouble.message;
      if (accepted) turn.totalMs = now() - turn.startedAt;
      if (turn.text !== "") {
        // What came is all that could be heard; the server may have sent more.
        reading.end();
        if (!turn.isSpoken) turn.heard = turn.text.length;
        interruption = toInterruption(turn.id, turn.text);
      }
      parts.onEvent(turn, "trouble", trouble.message);
      parts.onTrouble(trouble, turn);
    }
    parts.onChange(turn);
    return accepted;
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} [content]
   */
  function toRequest(type, content) {
    return {
      type,
      conversation_id: conversationId,
      session_id: sessionId,
      turn_id: newId("turn"),
      ...content,
    };
  }

  function connect() {
    interrupt();
    sessionId = newId("sess");
    return run(toRequest("session.start"));
  }

  return {
    /** Whether the agent is still answering, or still speaking. */
    isOpen: () => last !== undefined && isOpen(last),
    interrupt,
    /** The newest turn. */
    last: () => last,
    /** The conversation's id. */
    id: () => conversationId,
    /** Connects anew: same conversation, new session. */
    connect,
    /**
     * Begins a conversation, or goes on with one.
     *
     * @param {string} [id]
     */
    open(id = newId("conv")) {
      interrupt();
      conversationId = id;
      interruption = undefined;
      last = undefined;
      count = 0;
      return connect();
    },
    /**
     * Says something. What the agent is just saying is cut off.
     *
     * @param {string} text
     */
    say(text) {
      interrupt();
      return run(toRequest("message", {
        text,
        ...(interruption ? { interruption_context: interruption } : {}),
      }));
    },
    /** Stops reading aloud: what is on the page counts as heard. */
    mute() {
      speaker.stop();
      if (last === undefined || !last.isSpoken) return;
      last.isSpoken = false;
      last.isSpeaking = false;
      last.heard = last.text.length;
      parts.onChange(last);
    },
    /** Reads the newest answer aloud, where it is whole and wasn't yet. */
    readAloud() {
      if (last?.state !== "complete" || last.isSpeaking) return;
      if (last.text === "") return;
      last.isSpoken = last.isSpeaking = true;
      last.heard = 0;
      const reading = createReading(last, parts);
      reading.add(last.text);
      reading.end();
      parts.onChange(last);
    },
    /** Sends the newest turn once more as it was. */
    repeat() {
      if (last === undefined || isOpen(last)) return Promise.resolve(false);
      return run(last.request, last);
    },
    /**
     * Sends JSON as a page would, outside of any turn.
     *
     * @param {unknown} data
     * @returns {Promise<unknown>} the answer
     */
    async send(data) {
      const request = toRequest("data", { data });
      parts.onEvent(undefined, "request", request);
      const { signal } = new AbortController();
      for await (const event of send(request, signal)) {
        parts.onEvent(undefined, "event", event);
        return event;
      }
      return undefined;
    },
  };
}
