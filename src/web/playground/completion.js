// @ts-check
/**
 * A conversation as the request that another platform would send for it.
 *
 * @module
 */

/**
 * Writes the request as a command for sh, bash and zsh; needs curl, and the key
 * in `API_KEY`.
 *
 * @param {Pick<import("./turn.js").Turn, "request" | "text" | "heard">[]} turns
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
