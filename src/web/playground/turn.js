/**
 * The state of a turn: the request that was sent, and the events of the answer
 * so far. Independent of the server, the voice and the page.
 *
 * @module
 */

/** @typedef {{ type: string, content?: unknown }} AnswerEvent */

export class Turn {
  text = "";
  /** @type {{ id: string, name: string, status: string }[]} */
  tools = [];
  /** @type {unknown[]} */
  data = [];
  isReceived = false;
  /** How the turn ended, if it ended early. @type {{ status: string, remark?: string } | undefined} */
  cut;
  hangUp = new AbortController();
  /** What the server sent, except the times, which are the caller's. @type {import("../figures.js").Figures} */
  summary = {};

  /**
   * @param {Record<string, unknown>} request the event that was sent
   * @param {number} now
   * @param {Pick<import("./speaker.js").Speaker, "offset" | "saying" | "add" | "stop">} [speaker] reads the answer aloud
   */
  constructor(request, now, speaker) {
    this.request = request;
    this.speaker = speaker;
    this.startedAt = now;
    /** @type {import("../page.js").WireEvent[]} */
    this.events = [{ atMs: 0, content: request }];
  }

  /** What was heard of the answer: without a speaker, all of it. */
  get heard() {
    return this.text.slice(0, this.speaker?.offset);
  }

  /** Whether the agent is still answering, or still speaking. */
  get isOpen() {
    const isSaid = this.heard.length >= this.text.trimEnd().length;
    return !this.cut && !(this.isReceived && isSaid);
  }

  /** The turn as all pages draw it. @returns {import("../page.js").Turn} */
  get document() {
    const { request, summary, text, heard, tools, data, events } = this;
    return {
      status: "complete",
      ...summary,
      ...summary.status === "failed"
        ? { remark: "This turn failed. The cause is in Parley's log." }
        : {},
      ...this.isOpen ? { status: "answering" } : this.cut,
      turn_id: String(request.turn_id),
      ...request.type === "message" ? { user: String(request.text) } : {},
      assistant: text,
      heard,
      tool_calls: tools,
      data,
      events,
    };
  }

  /** @param {AnswerEvent} event @param {number} now */
  add(event, now) {
    const atMs = now - this.startedAt;
    this.events.push({ atMs, content: event });
    switch (event.type) {
      case "response.tts":
        this.summary.first_words_ms ??= atMs;
        this.text += event.content;
        this.speaker?.add(String(event.content));
        break;
      case "response.data":
        this.#addData(event.content);
        break;
      case "parley.turn":
        this.summary = { ...event, ...this.summary };
        break;
      case "response.end":
        this.summary.total_ms = atMs;
        this.isReceived = true;
        this.speaker?.add();
        break;
    }
  }

  /** Adds the status of a tool call, or other data that the agent sends to the page. @param {unknown} content */
  #addData(content) {
    const { tool: name, call_id: id, status } = Object(content);
    const isTool = [name, id, status].every((it) => typeof it === "string");
    const known = this.tools.find((tool) => tool.id === id);
    if (!isTool) this.data.push(content);
    else if (known) known.status = status;
    else this.tools.push({ id, name, status });
  }

  /** Stops reading the answer aloud. All words on the page then count as heard. */
  mute() {
    this.speaker?.stop();
    this.speaker = undefined;
  }

  /**
   * @param {number} now
   * @param {string} [trouble] why it failed. `undefined` if the caller interrupted it
   */
  cutOff(now, trouble) {
    this.hangUp.abort();
    this.speaker?.stop();
    this.cut = trouble === undefined
      ? { status: "interrupted" }
      : { status: "failed", remark: trouble };
    this.summary.total_ms ??= now - this.startedAt;
    for (const tool of this.tools) {
      if (tool.status === "running") tool.status = "stopped";
    }
  }
}

/**
 * Formats an event as commands for sh, bash and zsh, which need openssl and
 * curl. Each run signs the event again, because a signature lasts five minutes,
 * and gives the turn a new id, because a known turn is answered from the record.
 * The secret is the first of `LAYERCODE_WEBHOOK_SECRET` in the shell or in
 * `.env`, or else the one stored in `DATA_DIR`.
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
 * Formats a conversation as the chat completions request that another platform
 * would send: a command for sh, bash and zsh, which needs curl, and the key in
 * `API_KEY`.
 *
 * @param {Pick<Turn, "request" | "heard">[]} turns
 * @param {{ origin: string, conversation: string }} place
 */
export function toCompletion(turns, { origin, conversation }) {
  const messages = turns.flatMap(({ request, heard }) => [
    ...request.type === "message"
      ? [{ role: "user", content: request.text }]
      : [],
    { role: "assistant", content: heard },
  ]).filter(({ content }) => content !== "");
  // The request ends with the caller's last words, which the server answers.
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

/** Quotes a text for the shell, whatever characters it contains. @param {string} text */
function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
