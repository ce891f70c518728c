// @ts-check
/**
 * A conversation as Layercode would hold it: its ids, its turns, and what is
 * told about an interruption. Knows no page; it is told what to send and tells
 * what happens.
 *
 * @module
 */
import { toInterruption } from "./heard.js";
import { createSplitter } from "./sentences.js";
import { SendError, sendTurn } from "./turn.js";

/**
 * How a turn went, in the server's own figures.
 *
 * @typedef {object} Summary
 * @property {string} status
 * @property {string} [provider]
 * @property {string} [model]
 * @property {number} [first_words_ms]
 * @property {number} [total_ms]
 * @property {number} [input_tokens]
 * @property {number} [output_tokens]
 */

/**
 * A stretch of an answer: words, up to an offset of its text, or something
 * that happened between them.
 *
 * @typedef {{ type: "words", end: number }} Words
 * @typedef {{ type: "tool", id: string, name: string, status: string, startedAt: number, ms?: number }} ToolUse
 * @typedef {{ type: "data", content: unknown }} Data
 * @typedef {Words | ToolUse | Data} Part
 */

/**
 * One turn: what was sent, and the answer as far as it has come.
 *
 * @typedef {object} Turn
 * @property {number} number counted from 1
 * @property {Record<string, unknown>} request
 * @property {string} id
 * @property {string} text all words so far
 * @property {Part[]} parts
 * @property {number} heard how much of the text was heard, in characters
 * @property {boolean} isSpoken whether it is read aloud
 * @property {"waiting" | "answering" | "complete" | "interrupted" | "failed"} state
 * @property {boolean} isSpeaking whether there is something left to be read aloud
 * @property {string} [trouble] what went wrong, in words
 * @property {boolean} isRepeat whether the very same turn was sent before
 * @property {boolean} isReplay whether it is answered from the record
 * @property {number} startedAt
 * @property {number} [firstMs] as measured here
 * @property {number} [totalMs] as measured here
 * @property {Summary} [summary]
 */

/**
 * What a conversation needs.
 *
 * @typedef {object} CallParts
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
  const { speaker, now } = parts;
  let conversationId = "";
  let sessionId = "";
  let count = 0;
  /** @type {Turn | undefined} */
  let last;
  /** @type {AbortController | undefined} */
  let hangUp;
  /** @type {import("./heard.js").Interruption | undefined} */
  let interruption;

  /** Whether the agent is still answering, or still speaking. */
  function isOpen() {
    return last !== undefined &&
      (last.state === "waiting" || last.state === "answering" ||
        last.isSpeaking);
  }

  /** Cuts the agent off. */
  function interrupt() {
    if (last === undefined || !isOpen()) return false;
    const turn = last;
    hangUp?.abort();
    turn.heard = turn.isSpoken ? speaker.stop() : turn.text.length;
    turn.isSpeaking = false;
    turn.state = "interrupted";
    turn.totalMs ??= now() - turn.startedAt;
    for (const part of turn.parts) {
      if (part.type === "tool" && part.status === "running") {
        part.status = "stopped";
      }
    }
    interruption = toInterruption(turn.id, turn.text.slice(0, turn.heard));
    parts.onEvent(turn, "interrupted", interruption);
    parts.onChange(turn);
    return true;
  }

  /**
   * Lets a turn know how far it has been read aloud.
   *
   * @param {Turn} turn
   */
  function begin(turn) {
    speaker.begin((offset, isOver) => {
      if (!turn.isSpoken) return;
      turn.heard = isOver ? turn.text.length : offset;
      if (isOver) turn.isSpeaking = false;
      parts.onChange(turn);
    });
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
    const abort = hangUp = new AbortController();
    /** @type {Turn} */
    const turn = last = {
      number: ++count,
      request,
      id: String(request.turn_id),
      text: "",
      parts: [],
      heard: 0,
      isSpoken: speaker.isOn(),
      isSpeaking: false,
      state: "waiting",
      isRepeat: before !== undefined,
      isReplay: before?.state === "complete" || before?.summary !== undefined,
      startedAt: now(),
    };
    const splitter = createSplitter(speaker.locale());
    /** @param {import("./sentences.js").Sentence[]} sentences */
    function say(sentences) {
      for (const sentence of sentences) {
        parts.onSentence(sentence.text, turn);
        if (turn.isSpoken) speaker.say(sentence);
      }
    }
    begin(turn);
    parts.onTurn(turn);
    parts.onEvent(turn, "request", request);
    let accepted = false;
    try {
      const events = sendTurn(request, abort.signal, () => {
        accepted = true;
        // A turn that is said again is no longer cut off.
        if (before || request.interruption_context !== undefined) {
          interruption = undefined;
        }
      });
      for await (const event of events) {
        if (abort.signal.aborted) return true;
        parts.onEvent(turn, "event", event);
        if (take(turn, event)) say(splitter.add(String(event.content)));
        parts.onChange(turn);
      }
      if (abort.signal.aborted) return true;
      if (turn.state !== "complete" && turn.state !== "failed") {
        throw new SendError("The answer broke off before its end.", true);
      }
      say(splitter.flush());
      speaker.end();
      if (!turn.isSpoken || !turn.isSpeaking) turn.heard = turn.text.length;
    } catch (error) {
      if (abort.signal.aborted) return true;
      const trouble = error instanceof SendError
        ? error
        : new SendError(`The answer can't be read: ${error}.`, false);
      turn.state = "failed";
      turn.trouble = trouble.message;
      if (accepted) turn.totalMs = now() - turn.startedAt;
      if (turn.text !== "") {
        // What came is all that could be heard; the server may have sent more.
        say(splitter.flush());
        speaker.end();
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
   * Takes in an event. Returns whether it brought words.
   *
   * @param {Turn} turn
   * @param {import("./turn.js").AnswerEvent} event
   */
  function take(turn, event) {
    switch (event.type) {
      case "response.tts":
        turn.firstMs ??= now() - turn.startedAt;
        turn.state = "answering";
        turn.isSpeaking = turn.isSpoken;
        turn.text += String(event.content);
        if (turn.parts.at(-1)?.type !== "words") {
          turn.parts.push({ type: "words", end: 0 });
        }
        Object.assign(turn.parts.at(-1) ?? {}, { end: turn.text.length });
        if (!turn.isSpoken) turn.heard = turn.text.length;
        return true;
      case "response.data":
        takeData(turn, event.content);
        return false;
      case "parley.turn":
        turn.summary = /** @type {any} */ (event);
        return false;
      case "response.end":
        turn.totalMs = now() - turn.startedAt;
        turn.state = turn.summary?.status === "failed" ? "failed" : "complete";
        return false;
      default:
        return false;
    }
  }

  /**
   * @param {Turn} turn
   * @param {unknown} content
   */
  function takeData(turn, content) {
    const tool = toToolUse(content);
    if (tool === undefined) {
      turn.parts.push({ type: "data", content });
      return;
    }
    const known = turn.parts.find((part) =>
      part.type === "tool" && part.id === tool.call_id
    );
    if (known?.type === "tool") {
      known.status = tool.status;
      known.ms = now() - known.startedAt;
    } else {
      const { tool: name, call_id: id, status } = tool;
      turn.parts.push({ type: "tool", id, name, status, startedAt: now() });
    }
  }

  function ids() {
    return { conversation_id: conversationId, session_id: sessionId };
  }

  function connect() {
    interrupt();
    sessionId = newId("sess");
    return run({ type: "session.start", ...ids(), turn_id: newId("turn") });
  }

  return {
    isOpen,
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
      return run({
        type: "message",
        ...ids(),
        turn_id: newId("turn"),
        text,
        ...(interruption ? { interruption_context: interruption } : {}),
      });
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
      if (last === undefined || isOpen() || last.text === "") return;
      const turn = last;
      turn.isSpoken = turn.isSpeaking = true;
      turn.heard = 0;
      begin(turn);
      const splitter = createSplitter(speaker.locale());
      for (
        const sentence of [...splitter.add(turn.text), ...splitter.flush()]
      ) {
        speaker.say(sentence);
      }
      speaker.end();
      parts.onChange(turn);
    },
    /** Sends the newest turn once more as it was. */
    repeat() {
      if (last === undefined || isOpen()) return Promise.resolve(false);
      return run(last.request, last);
    },
    /**
     * Sends JSON as a page would, outside of any turn.
     *
     * @param {unknown} data
     * @returns {Promise<unknown>} the answer
     */
    async send(data) {
      const request = { type: "data", ...ids(), turn_id: newId("turn"), data };
      parts.onEvent(undefined, "request", request);
      const signal = new AbortController().signal;
      for await (const event of sendTurn(request, signal)) {
        parts.onEvent(undefined, "event", event);
        return event;
      }
      return undefined;
    },
  };
}

/**
 * How a tool's use stands, if that is what the data is about.
 *
 * @param {unknown} content
 * @returns {{ tool: string, call_id: string, status: string } | undefined}
 */
function toToolUse(content) {
  if (typeof content !== "object" || content === null) return undefined;
  const { tool, call_id, status } = /** @type {Record<string, unknown>} */ (
    content
  );
  return typeof tool === "string" && typeof call_id === "string" &&
      typeof status === "string"
    ? { tool, call_id, status }
    : undefined;
}
