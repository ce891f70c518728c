// @ts-check
/**
 * What goes wrong, in words, and what to do about it.
 *
 * @module
 */

/** What the browser says of a microphone, and what to do. */
const MICROPHONE = new Map([
  [
    "NotAllowedError",
    "is not allowed. Allow it in the browser's settings for this page",
  ],
  ["NotFoundError", "is missing. Plug one in"],
  ["OverconstrainedError", "is missing. Plug one in"],
  [
    "NotReadableError",
    "can't be used: another program may have it. Close that",
  ],
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
  switch (status) {
    case 400:
    case 401:
      return `${message}. Check LAYERCODE_API_KEY and LAYERCODE_AGENT_ID on the server.`;
    case 402:
      return `${message}. Add to the balance in the Layercode dashboard.`;
    default:
      return `${message}.`;
  }
}

/**
 * Says what an error of the SDK's or the browser's means.
 *
 * @param {unknown} error
 */
export function explainError(error) {
  if (!(error instanceof Error)) return `That did not work: ${error}.`;
  const { name, message } = error;
  // The SDK's own, spelled as it spells it.
  const isDenied = /denined audio device/.test(message);
  const microphone = MICROPHONE.get(isDenied ? "NotAllowedError" : name);
  if (microphone) {
    return `The microphone ${microphone} and connect again, or switch Microphone off and type.`;
  }
  if (/^WebSocket/.test(message)) {
    return "The connection to Layercode failed. Connect again; a firewall or an extension may stand in the way.";
  }
  if (name === "TypeError" && /fetch|NetworkError|Load failed/.test(message)) {
    return "This server could not be reached. Is it still running?";
  }
  return `That did not work: ${message}.`;
}
