// @ts-check
/**
 * The conversation, put together from Layercode's messages.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @module
 */

/**
 * A message as the SDK hands it on.
 *
 * @typedef {object} Message
 * @property {string} type
 * @property {unknown} [content]
 * @property {string} [turn_id]
 * @property {number} [delta_counter] which piece of a transcript it is
 */

/**
 * What one side said in a turn, or what else happened.
 *
 * @typedef {import("../conversation.js").Turn & { pieces: string[], isTyped?: boolean }} Turn
 */

/**
 * Adds a turn, of which not all need be known yet.
 *
 * @param {Turn[]} turns
 * @param {Partial<Turn>} known
 */
export function addTurn(turns, known) {
  /** @type {Turn} */
  const turn = {
    key: `${turns.length}`,
    parts: [],
    state: "complete",
    pieces: [],
    ...known,
  };
  turns.push(turn);
  return turn;
}

/**
 * Adds a message to the conversation.
 *
 * @param {Turn[]} turns
 * @param {Message} message
 */
export function addMessage(turns, message) {
  const { type, content, turn_id } = message;
  if (typeof content !== "string") return;
  if (type.startsWith("user.transcript")) {
    const key = `user ${turn_id}`;
    // Layercode may repeat what was typed, which is there already.
    const turn = turns.find((turn) => turn.key === key) ??
      turns.find(({ isTyped, caller }) => isTyped && caller === content) ??
      addTurn(turns, {});
    // A piece may be replaced by a later one, all of them by the whole.
    turn.pieces[message.delta_counter ?? 0] = content;
    const caller = type === "user.transcript" ? content : turn.pieces.join("");
    Object.assign(turn, { key, isTyped: false, caller });
  } else if (type.startsWith("response.text")) {
    const key = `agent ${turn_id}`;
    const turn = turns.find((turn) => turn.key === key) ??
      addTurn(turns, { key });
    addWords(turn, type, content);
  }
}

/**
 * Adds words of the agent: a sentence, or a piece. Where there were pieces, the
 * whole follows once more.
 *
 * @param {Turn} turn
 * @param {string} type
 * @param {string} content
 */
function addWords(turn, type, content) {
  const [part] = turn.parts;
  const before = part?.type === "words" ? part.text : "";
  if (type === "response.text.delta") turn.pieces.push(content);
  else if (turn.pieces.length > 0 && before.includes(content.trim())) return;
  // Sentences may come one by one, without what stands between them.
  const gap = /[.!?…]$/.test(before) && /^\p{L}/u.test(content) ? " " : "";
  turn.parts = [{ type: "words", text: before + gap + content }];
}
