// @ts-check
/// <reference lib="dom" />
/**
 * The buttons for a conversation: to interrupt, to begin anew, to send again,
 * and to copy it in one form or another.
 *
 * @module
 */
import { byId } from "../dom.js";
import { copyFrom } from "./copying.js";
import { toCurl } from "./curl.js";

/**
 * What the buttons need.
 *
 * @typedef {object} ToolsParts
 * @property {import("./call.js").Call} call
 * @property {ReturnType<typeof import("./raw.js").createRaw>} raw
 * @property {ReturnType<typeof import("./info.js").createInfo>} info
 * @property {() => void} interrupt
 * @property {() => void} begin begins a new conversation
 * @property {() => void} reconnect
 * @property {() => void} repeat
 * @property {() => void} onDone called when a button has done its work
 */

/**
 * Makes the buttons work.
 *
 * @param {ToolsParts} parts
 */
export function createTools(parts) {
  const { call, raw, info, onDone } = parts;

  for (
    const [id, action] of /** @type {const} */ ([
      ["interrupt", parts.interrupt],
      ["new", parts.begin],
      ["reconnect", parts.reconnect],
      ["repeat", parts.repeat],
    ])
  ) {
    byId(id).addEventListener("click", () => {
      action();
      onDone();
    });
  }

  /** @param {string} id @param {() => Promise<string> | string} toText */
  function copies(id, toText) {
    byId(id).addEventListener("click", async () => {
      const text = await toText();
      if (text !== "") await copyFrom(byId(id), text);
    });
  }
  copies("copy-id", call.id);
  copies("raw-copy", raw.text);
  copies("curl", async () => {
    const secret = await info.secret();
    const turn = call.last();
    const url = new URL("/agent", location.href).href;
    return turn && secret ? toCurl(turn.request, { url, secret }) : "";
  });
  byId("raw-clear").addEventListener("click", raw.clear);

  return {
    /** Offers what can be done now. */
    update() {
      const isOpen = call.isOpen();
      byId("interrupt").disabled = !isOpen;
      byId("repeat").disabled = isOpen || call.last() === undefined;
    },
  };
}
