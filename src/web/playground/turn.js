// @ts-check
/**
 * A turn as far as it has come: what was sent, and what each event of the
 * answer makes of it. Knows no server, no voice and no page.
 *
 * @module
 */
import { formatMs, toEnding, toFigures } from "../figures.js";

/** One turn, which all pages can show, and what only the playground knows of it. */
export class Turn {
  /** @type {import("../conversation.js").Part[]} */
  parts = [];
  /** All words so far. */
  text = "";
  /** How much of the text was heard, in characters. */
  heard = 0;
  /** `waiting`, `answering`, `complete`, `interrupted` or `failed`. */
  state = "waiting";
  remark = "";
  /** Whether there is something left to be read aloud. */
  isSpeaking = false;
  /** Whether no more is coming. */
  isWhole = false;
  /** Ends the connection. */
  hangUp = new AbortController();
  /**
   * What the server tells of the turn; the times are those of the caller,
   * measured here.
   *
   * @type {import("../figures.js").Figures & { status?: string }}
   */
  summary = {};

  /**
   * @param {Record<string, unknown>} request what was sent
   * @param {{ isSpoken: boolean, now: number }} options
   */
  constructor(request, { isSpoken, now }) {
    this.request = request;
    this.key = String(request.turn_id);
    this.caller = request.type === "message" ? String(request.text) : undefined;
    this.isSpoken = isSpoken;
    this.startedAt = now;
    /** @type {import("../conversation.js").WireEvent[]} */
    this.events = [{ atMs: 0, content: request }];
  }

  /** What it took, as far as it is known. */
  get figures() {
    return toFigures(this.summary);
  }

  /** Whether the agent is still answering, or still speaking. */
  get isOpen() {
    return this.state === "waiting" || this.state === "answering";
  }

  /**
   * Adds an event of the answer.
   *
   * @param {import("./send.js").AnswerEvent} event
   * @param {number} now
   */
  add(event, now) {
    const atMs = now - this.startedAt;
    this.events.push({ atMs, content: event });
    switch (event.type) {
      case "response.tts":
        this.summary.first_words_ms ??= atMs;
        this.#addWords(String(event.content));
        break;
      case "response.data":
        this.#addData(event.content, now);
        break;
      case "parley.turn":
        this.summary = { ...event, ...this.summary };
        break;
      case "response.end":
        this.summary.total_ms = atMs;
        this.isWhole = true;
        this.#settle();
        break;
    }
  }

  /** @param {string} text */
  #addWords(text) {
    this.state = "answering";
    this.isSpeaking = this.isSpoken;
    this.text += text;
    if (!this.isSpoken) this.heard = this.text.length;
    const last = this.parts.at(-1);
    if (last?.type === "words") last.text += text;
    else this.parts.push({ type: "words", text });
  }

  /**
   * Adds what a tool is at, or whatever else the agent sends to a page.
   *
   * @param {unknown} content
   * @param {number} now
   */
  #addData(content, now) {
    const { tool: name, call_id: id, status } = Object(content);
    if (![name, id, status].every((text) => typeof text === "string")) {
      this.parts.push({ type: "data", content });
      return;
    }
    const known = this.parts.filter((part) => part.type === "tool")
      .find((tool) => tool.id === id);
    if (known) {
      known.status = status;
      known.detail = `${status} in ${formatMs(now - (known.startedAt ?? now))}`;
    } else {
      const detail = status;
      this.parts.push({
        type: "tool",
        id,
        name,
        status,
        detail,
        startedAt: now,
      });
    }
  }

  /** Is to be read aloud once more, from the beginning. */
  rewind() {
    this.isSpoken = this.isSpeaking = true;
    this.heard = 0;
    this.state = "answering";
  }

  /** All that came was heard, or counts as heard. */
  hearAll() {
    this.heard = this.text.length;
    this.isSpeaking = false;
    this.#settle();
  }

  /** Says how the turn ended, once it is whole and all of it was spoken. */
  #settle() {
    if (!this.isWhole || this.isSpeaking) return;
    if (this.summary.status === "failed") {
      this.state = "failed";
      this.remark = "This turn failed. The cause is in Parley's log.";
      return;
    }
    this.state = "complete";
    this.remark = this.text === "" && this.caller === undefined
      ? "The agent waits for you to speak first"
      : toEnding(this.summary).join();
  }

  /**
   * Ends the turn before its end.
   *
   * @param {number} heard how much of its text was heard, in characters
   * @param {number} now
   * @param {string} [trouble] what went wrong, if it wasn't the caller who ended it
   */
  cutOff(heard, now, trouble) {
    this.heard = heard;
    this.isSpeaking = false;
    this.state = trouble ? "failed" : "interrupted";
    this.remark = trouble ??
      (heard === 0
        ? "Interrupted before the first word"
        : this.isSpoken
        ? "Interrupted while speaking"
        : "Interrupted");
    this.summary.total_ms ??= now - this.startedAt;
    for (const part of this.parts) {
      if (part.type === "tool" && part.status === "running") {
        part.status = part.detail = "stopped";
      }
    }
  }
}
