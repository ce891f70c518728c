// @ts-check
/**
 * The conversation, put together from Layercode's messages.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @module
 */

/** @typedef {import("../conversation.js").Turn} Turn */

/**
 * A message as the SDK hands it on.
 *
 * @typedef {object} Message
 * @property {string} type
 * @property {unknown} [content]
 * @property {string} [turn_id] missing in those of older agents
 * @property {number} [delta_counter] which piece of a transcript it is
 */

/** The conversation so far. */
export class Transcript {
  /** What each side said in each turn, and what else happened. @type {Turn[]} */
  turns = [];
  /** What was typed and Layercode has not repeated yet. @type {Turn[]} */
  #typed = [];
  /** The pieces of what callers said, by turn and number. @type {Map<Turn, string[]>} */
  #pieces = new Map();
  /** The answers of which Layercode sends pieces. @type {Set<Turn>} */
  #inPieces = new Set();
  #begun = 0;

  /** @param {Message} message */
  add(message) {
    const { type, content } = message;
    if (type === "turn.start") this.#begun++;
    if (typeof content !== "string") return;
    const { turn_id = `#${this.#begun}` } = message;
    if (type.startsWith("user.transcript")) {
      this.#hear(this.#findCaller(turn_id, content), message, content);
    } else if (type.startsWith("response.text")) {
      const answer = this.#find(`agent ${turn_id}`) ??
        this.#push({ key: `agent ${turn_id}` });
      this.#answer(answer, type, content);
    }
  }

  /** Adds what was typed. @param {string} text */
  type(text) {
    this.#typed.push(this.#push({ caller: text }));
  }

  /** Adds data that the agent sent to the page. @param {unknown} content */
  addData(content) {
    this.#push({ parts: [{ type: "data", content }] });
  }

  /** Adds what happened to the connection. @param {string} remark */
  note(remark) {
    this.#push({ remark });
  }

  /** @param {Partial<Turn>} turn */
  #push(turn) {
    const key = `${this.turns.length}`;
    const made = { key, parts: [], state: "complete", ...turn };
    this.turns.push(made);
    return made;
  }

  /** @param {string} key */
  #find(key) {
    return this.turns.find((turn) => turn.key === key);
  }

  /**
   * What a caller says in a turn. Layercode may repeat what was typed, which is
   * there already.
   *
   * @param {string} id
   * @param {string} content
   */
  #findCaller(id, content) {
    const key = `user ${id}`;
    const known = this.#find(key);
    if (known) return known;
    const typed = this.#typed.find(({ caller }) => caller === content);
    if (typed === undefined) return this.#push({ key, caller: "" });
    this.#typed = this.#typed.filter((turn) => turn !== typed);
    typed.key = key;
    return typed;
  }

  /**
   * Words of a caller: all of them, or a piece that a later one may replace.
   *
   * @param {Turn} turn
   * @param {Message} message
   * @param {string} content
   */
  #hear(turn, { type, delta_counter = 0 }, content) {
    if (type === "user.transcript") {
      turn.caller = content;
      return;
    }
    const pieces = this.#pieces.get(turn) ?? [];
    pieces[delta_counter] = content;
    this.#pieces.set(turn, pieces);
    turn.caller = pieces.join("");
  }

  /**
   * Words of the agent: a sentence, or a piece. Where there were pieces, the
   * whole follows once more.
   *
   * @param {Turn} turn
   * @param {string} type
   * @param {string} content
   */
  #answer(turn, type, content) {
    const [part] = turn.parts;
    const before = part?.type === "words" ? part.text : "";
    if (type === "response.text.delta") this.#inPieces.add(turn);
    else if (this.#inPieces.has(turn) && before.includes(content.trim())) {
      return;
    }
    // Sentences may come one by one, without what stands between them.
    const gap = /[.!?…]$/.test(before) && /^\p{L}/u.test(content) ? " " : "";
    turn.parts = [{ type: "words", text: before + gap + content }];
  }
}
