// @ts-check
/**
 * A turn as far as it has come: what was sent, and what each event of the
 * answer makes of it. Knows no server, no voice and no page.
 *
 * @module
 */

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
 * @property {number} [prompt_ms]
 * @property {number} [cached_tokens]
 * @property {string} [ended]
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
 * Makes a turn that has just been sent.
 *
 * @param {Record<string, unknown>} request
 * @param {{ number: number, isSpoken: boolean, now: number, before?: Turn | undefined }} options
 * `before` is the same turn, sent before
 * @returns {Turn}
 */
export function createTurn(request, { number, isSpoken, now, before }) {
  return {
    number,
    request,
    id: String(request.turn_id),
    text: "",
    parts: [],
    heard: 0,
    isSpoken,
    isSpeaking: false,
    state: "waiting",
    isRepeat: before !== undefined,
    isReplay: before?.state === "complete" || before?.summary !== undefined,
    startedAt: now,
  };
}

/**
 * Whether the agent is still answering, or still speaking.
 *
 * @param {Turn} turn
 */
export function isOpen({ state, isSpeaking }) {
  return state === "waiting" || state === "answering" || isSpeaking;
}

/**
 * Takes in an event of the answer.
 *
 * @param {Turn} turn
 * @param {import("./send.js").AnswerEvent} event
 * @param {number} now
 */
export function takeEvent(turn, event, now) {
  switch (event.type) {
    case "response.tts":
      turn.firstMs ??= now - turn.startedAt;
      turn.state = "answering";
      turn.isSpeaking = turn.isSpoken;
      turn.text += String(event.content);
      if (turn.parts.at(-1)?.type !== "words") {
        turn.parts.push({ type: "words", end: 0 });
      }
      Object.assign(turn.parts.at(-1) ?? {}, { end: turn.text.length });
      if (!turn.isSpoken) turn.heard = turn.text.length;
      break;
    case "response.data":
      takeData(turn, event.content, now);
      break;
    case "parley.turn":
      turn.summary = /** @type {any} */ (event);
      break;
    case "response.end":
      turn.totalMs = now - turn.startedAt;
      turn.state = turn.summary?.status === "failed" ? "failed" : "complete";
      break;
  }
}

/**
 * @param {Turn} turn
 * @param {unknown} content
 * @param {number} now
 */
function takeData(turn, content, now) {
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
    known.ms = now - known.startedAt;
  } else {
    const { tool: name, call_id: id, status } = tool;
    turn.parts.push({ type: "tool", id, name, status, startedAt: now });
  }
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

/**
 * Cuts a turn off.
 *
 * @param {Turn} turn
 * @param {number} heard how much of its text was heard, in characters
 * @param {number} now
 */
export function cutOff(turn, heard, now) {
  turn.heard = heard;
  turn.isSpeaking = false;
  turn.state = "interrupted";
  turn.totalMs ??= now - turn.startedAt;
  for (const part of turn.parts) {
    if (part.type === "tool" && part.status === "running") {
      part.status = "stopped";
    }
  }
}
