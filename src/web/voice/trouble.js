// @ts-check
/**
 * What goes wrong, in words, and what to do about it.
 *
 * @module
 */

/** What to do, by status of `/authorize`. */
const REMEDIES = new Map([
  [400, "Check LAYERCODE_API_KEY and LAYERCODE_AGENT_ID on the server."],
  [402, "Add to the balance in the Layercode dashboard."],
  [
    403,
    "Open this page at the server's own address, or have it allowed there.",
  ],
  [429, "Wait a little and connect again."],
  [502, "Connect again in a moment."],
  [503, "Set it in .env and start the server again."],
  [504, "Connect again in a moment."],
]);

/**
 * Says why there is no session key, and what to do.
 *
 * @param {Response} response of `/authorize`, which isn't ok
 */
export async function explainRefusal(response) {
  const { status } = response;
  const body = await response.json().catch(() => undefined);
  // Something in between may have answered, which has no words of ours.
  const message = body?.error?.message ??
    `The server answered with status ${status}`;
  const remedy = REMEDIES.get(status);
  return `${message}.${remedy ? ` ${remedy}` : ""}`;
}

/**
 * Says what an error of the SDK's or the browser's means.
 *
 * @param {unknown} error
 */
export function explainError(error) {
  if (!(error instanceof Error)) return `That did not work: ${error}.`;
  const { name, message } = error;
  // The second is the SDK's own, spelled as it spells it.
  if (name === "NotAllowedError" || /denined audio device/.test(message)) {
    return "The microphone is not allowed. Allow it in the browser's settings for this page and connect again, or switch Microphone off and type.";
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return "There is no microphone. Plug one in and connect again, or switch Microphone off and type.";
  }
  if (name === "NotReadableError") {
    return "The microphone can't be used: another program may have it. Close that and connect again, or switch Microphone off and type.";
  }
  if (/^WebSocket/.test(message)) {
    return "The connection to Layercode failed. Connect again; a firewall or an extension may stand in the way.";
  }
  if (name === "TypeError" && /fetch|NetworkError|Load failed/.test(message)) {
    return "This server could not be reached. Is it still running?";
  }
  return `That did not work: ${message}.`;
}
