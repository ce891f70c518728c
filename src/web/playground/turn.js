// @ts-check
/**
 * A turn as far as it has come: what was sent, and what each event of the
 * answer makes of it. Knows no server, no voice and no page.
 *
 * @module
 */
import { toEnding, toFigures } from "../figures.js";

/** @typedef {{ type: string, content?: unknown }} AnswerEvent An event of an answer */

/** One turn, which all pages can show, and what only the playground knows of it. */
export class Turn {
  /** @type {import("../page.js").Part[]} */
  parts = [];
  /** Whether no more is coming. */
  isWhole = false;
  /** Whether the server has not even taken it. */
  isRefused = false;
  /** How it ended before its end. @type {{ state: string, remark: string } | undefined} */
  cut;
  /** Ends the connection. */
  hangUp = new AbortController();
  /**
   * What the server tells of the turn; the times are those of the caller,
   * measured here.
   *
   * @type {import("../figures.js").Figures}
   */
  summary = {};

  /**
   * @param {Record<string, unknown>} request what was sent
   * @param {number} now
   * @param {Pick<import("./speaker.js").Speaker, "offset" | "saying" | "add" | "stop">} [speaker] reads it aloud
   */
  constructor(request, now, speaker) {
    this.request = request;
    this.key = String(request.turn_id);
    this.caller = request.type === "message" ? String(request.text) : undefined;
    this.speaker = speaker;
    this.startedAt = now;
    /** @type {import("../page.js").WireEvent[]} */
    this.events = [{ atMs: 0, content: request }];
  }

  /** All its words. */
  get text() {
    return this.parts.map((part) => part.type === "words" ? part.text : "")
      .join("");
  }

  /** How much of the text was heard, in characters: what is only shown, at once. */
  get heard() {
    return this.speaker?.offset ?? this.text.length;
  }

  get #end() {
    if (this.cut) return this.cut;
    if (!this.isWhole || this.heard < this.text.trimEnd().length) {
      return { state: "answering", remark: "" };
    }
    return this.summary.status === "failed"
      ? {
        state: "failed",
        remark: "This turn failed. The cause is in Parley's log.",
      }
      : { state: "complete", remark: toEnding(this.summary).join() };
  }

  get state() {
    return this.#end.state;
  }

  get remark() {
    return this.#end.remark;
  }

  get figures() {
    return toFigures(this.summary);
  }

  get times() {
    return this.summary;
  }

  /** Whether the agent is still answering, or still speaking. */
  get isOpen() {
    return this.state === "answering";
  }

  /**
   * @param {AnswerEvent} event
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
        this.#addData(event.content);
        break;
      case "parley.turn":
        this.summary = { ...event, ...this.summary };
        break;
      case "response.end":
        this.summary.total_ms = atMs;
        this.isWhole = true;
        this.speaker?.add();
        break;
    }
  }

  /** @param {string} text */
  #addWords(text) {
    const last = this.parts.at(-1);
    if (last?.type === "words") last.text += text;
    else this.parts.push({ type: "words", text });
    this.speaker?.add(text);
  }

  /** Adds what a tool is at, or whatever else the agent sends to a page. @param {unknown} content */
  #addData(content) {
    const { tool: name, call_id: id, status } = Object(content);
    const isTool = [name, id, status].every((it) => typeof it === "string");
    const known = this.#tools.find((tool) => tool.id === id);
    if (!isTool) this.parts.push({ type: "data", content });
    else if (known) known.status = status;
    else this.parts.push({ type: "tool", id, name, status });
  }

  get #tools() {
    return this.parts.filter((part) => part.type === "tool");
  }

  /** Stops reading it aloud: what is on the page counts as heard. */
  mute() {
    this.speaker?.stop();
    this.speaker = undefined;
  }

  /**
   * Ends the turn before its end.
   *
   * @param {number} now
   * @param {string} [trouble] what went wrong, if it wasn't the caller who ended it
   */
  cutOff(now, trouble) {
    this.hangUp.abort();
    this.speaker?.stop();
    this.cut = trouble === undefined
      ? { state: "interrupted", remark: "Interrupted" }
      : { state: "failed", remark: trouble };
    this.summary.total_ms ??= now - this.startedAt;
    for (const tool of this.#tools) {
      if (tool.status === "running") tool.status = "stopped";
    }
  }
}

/**
 * Writes an event as commands for sh, bash and zsh, which need openssl and curl.
 * They sign it anew on each run, for a signature lasts five minutes, and give
 * the turn a new id, for a known one would be answered from the record. The
 * secret is the first of `LAYERCODE_WEBHOOK_SECRET` in the shell or in `.env`, or
 * else the kept one.
 *
 * @param {Record<string, unknown>} request
 * @param {string} origin
 */
export function toCurl(request, origin) {
  const { turn_id: _, ...rest } = request;
  const body = quote(JSON.stringify(rest).slice(0, -1));
  return [
    "t=$(date +%s)",
    `secret=$(sed -n 's/^LAYERCODE_WEBHOOK_SECRET=//p' .env 2>/dev/null | tr -d "\\"' \\r")`,
    'secret="${LAYERCODE_WEBHOOK_SECRET:-${secret:-$(cat "${DATA_DIR:-data}/webhook-secret")}}"',
    `body=${body}',"turn_id":"turn_'$t'"}'`,
    `v1=$(printf '%s.%s' "$t" "$body" | openssl dgst -sha256 -hmac "\${secret%%,*}" -r | cut -d' ' -f1)`,
    `curl -N ${quote(`${origin}/agent`)} \\`,
    `  -H 'content-type: application/json' \\`,
    `  -H "layercode-signature: t=$t,v1=$v1" \\`,
    `  --data-binary "$body"`,
    "",
  ].join("\n");
}

/**
 * Writes a conversation as the request that another platform would send for it:
 * a command for sh, bash and zsh, which needs curl, and the key in `API_KEY`.
 *
 * @param {Pick<Turn, "request" | "text" | "heard">[]} turns
 * @param {{ origin: string, conversation: string }} place
 */
export function toCompletion(turns, { origin, conversation }) {
  const messages = turns.flatMap(({ request, text, heard }) => [
    ...request.type === "message"
      ? [{ role: "user", content: request.text }]
      : [],
    { role: "assistant", content: text.slice(0, heard) },
  ]).filter(({ content }) => content !== "");
  // The request ends with what the caller says: the answer is yet to come.
  const end = messages.findLastIndex(({ role }) => role === "user") + 1;
  const body = {
    model: "parley",
    stream: true,
    messages: messages.slice(0, end),
  };
  return [
    `curl -N ${quote(`${origin}/v1/chat/completions`)} \\`,
    `  -H "authorization: Bearer \${API_KEY:?is one of API_KEYS}" \\`,
    `  -H ${quote(`x-parley-conversation: ${conversation}`)} \\`,
    `  -H 'content-type: application/json' \\`,
    `  --data-binary ${quote(JSON.stringify(body))}`,
    "",
  ].join("\n");
}

/** A text as one word of the shell, whatever is in it. @param {string} text */
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
