// @ts-check
/**
 * A turn as far as it has come: what was sent, and what each event of the
 * answer makes of it. Knows no server, no voice and no page.
 *
 * @module
 */
import { formatMs, toEnding, toFigures } from "../figures.js";

/** @typedef {import("../figures.js").Figures & { status: string }} Summary */
/** @typedef {import("../conversation.js").Tool & { id: string, startedAt: number }} Tool */
/** @typedef {import("../conversation.js").Words} Words */
/** @typedef {import("../conversation.js").Data} Data */

/**
 * One turn: what was sent, and the answer as far as it has come.
 *
 * @typedef {object} Turn
 * @property {Record<string, unknown>} request
 * @property {string} id
 * @property {string} text all words so far
 * @property {(Words | Tool | Data)[]} parts the same words, and what happened between them
 * @property {number} heard how much of the text was heard, in characters
 * @property {boolean} isSpoken whether it is read aloud
 * @property {boolean} isSpeaking whether there is something left to be read aloud
 * @property {"waiting" | "answering" | "complete" | "interrupted" | "failed"} state
 * @property {string} [trouble] what went wrong, in words
 * @property {number} startedAt
 * @property {number} [firstMs] as measured here
 * @property {number} [totalMs] as measured here
 * @property {Summary} [summary] as the server measured it
 * @property {import("../conversation.js").WireEvent[]} events
 */

/**
 * Makes a turn that has just been sent.
 *
 * @param {Record<string, unknown>} request
 * @param {{ isSpoken: boolean, now: number }} options
 * @returns {Turn}
 */
export function createTurn(request, { isSpoken, now }) {
  return {
    request,
    id: String(request.turn_id),
    text: "",
    parts: [],
    heard: 0,
    isSpoken,
    isSpeaking: false,
    state: "waiting",
    startedAt: now,
    events: [{ atMs: 0, content: request }],
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
 * Adds an event of the answer to its turn.
 *
 * @param {Turn} turn
 * @param {import("./send.js").AnswerEvent} event
 * @param {number} now
 */
export function addEvent(turn, event, now) {
  turn.events.push({ atMs: now - turn.startedAt, content: event });
  switch (event.type) {
    case "response.tts":
      addWords(turn, String(event.content), now);
      break;
    case "response.data":
      addData(turn, event.content, now);
      break;
    case "parley.turn":
      turn.summary = /** @type {Summary} */ (/** @type {unknown} */ (event));
      break;
    case "response.end":
      turn.totalMs = now - turn.startedAt;
      turn.state = turn.summary?.status === "failed" ? "failed" : "complete";
      break;
  }
}

/**
 * @param {Turn} turn
 * @param {string} text
 * @param {number} now
 */
function addWords(turn, text, now) {
  turn.firstMs ??= now - turn.startedAt;
  turn.state = "answering";
  turn.isSpeaking = turn.isSpoken;
  turn.text += text;
  if (!turn.isSpoken) turn.heard = turn.text.length;
  const last = turn.parts.at(-1);
  if (last?.type === "words") last.text += text;
  else turn.parts.push({ type: "words", text });
}

/**
 * @param {Turn} turn
 * @param {unknown} content
 * @param {number} now
 */
function addData(turn, content, now) {
  const { tool: name, call_id: id, status } =
    /** @type {Record<string, unknown>} */ (content ?? {});
  if (
    typeof name !== "string" || typeof id !== "string" ||
    typeof status !== "string"
  ) {
    turn.parts.push({ type: "data", content });
    return;
  }
  const known = turn.parts.find((part) =>
    part.type === "tool" && part.id === id
  );
  if (known?.type === "tool") {
    known.status = status;
    known.detail = `${status} in ${formatMs(now - known.startedAt)}`;
  } else {
    const detail = status;
    turn.parts.push({ type: "tool", id, name, status, detail, startedAt: now });
  }
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
      part.status = part.detail = "stopped";
    }
  }
}

/**
 * A turn as all pages show it.
 *
 * @param {Turn} turn
 * @returns {import("../conversation.js").Turn}
 */
export function toShown(turn) {
  const { request, parts, heard, summary, firstMs, totalMs, events } = turn;
  return {
    key: turn.id,
    caller: request.type === "message" ? String(request.text) : undefined,
    parts,
    heard,
    state: turn.isSpeaking ? "answering" : turn.state,
    remark: toRemark(turn),
    // The times are those of the caller: measured here.
    figures: toFigures({
      ...summary,
      first_words_ms: firstMs,
      total_ms: totalMs,
    }),
    events,
  };
}

/**
 * What there is to say of a turn beneath its words.
 *
 * @param {Turn} turn
 */
export function toRemark(turn) {
  const { state, trouble, text, heard, isSpoken, request, summary } = turn;
  if (state === "interrupted") {
    if (text === "") return "Interrupted before the first word";
    if (!isSpoken) return "Interrupted";
    return heard === 0
      ? "Interrupted before a word was spoken"
      : "Interrupted while speaking";
  }
  if (trouble) return trouble;
  if (state === "failed") {
    return "This turn failed. The cause is in Parley's log.";
  }
  if (state !== "complete") return "";
  if (text === "" && request.type !== "message") {
    return "The agent waits for you to speak first";
  }
  return toEnding(summary ?? {}).join();
}
