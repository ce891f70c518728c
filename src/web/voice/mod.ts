/**
 * The voice page, where the owner talks with the agent as a caller would.
 * Layercode's browser SDK gets its session key from `/authorize`, then connects
 * to Layercode: no sound passes through Parley.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */
import type { Routes } from "../../server/router.ts";
import type { Guard } from "../../server/guard.ts";
import { escape, type Shell } from "../shell.ts";

/**
 * The SDK, which the browser loads and checks by its hash. It is not a
 * dependency of Parley, because its package depends on all of onnxruntime-web
 * (over 100 MB), although its bundle already contains what it needs. The hash is
 * `openssl dgst -sha384 -binary dist/layercode-js-sdk.min.js | base64`.
 */
export const SDK = {
  url:
    "https://cdn.jsdelivr.net/npm/@layercode/js-sdk@2.8.10/dist/layercode-js-sdk.min.js",
  integrity:
    "sha384-6vd2Dy5aYgKgmPUCs4Smrphc+dM9qpsa+7rq20lLu/vRUShZ0tDpcwXPDhwIriw8",
};

/** From where the SDK loads its model for voice activity detection, and the runtime of the model. */
const MODEL = "https://assets.layercode.com/vad-web/0.0.29/";
const RUNTIME = "https://assets.layercode.com/onnxruntime-web/1.23.2/";

/** Creates the route of the voice page. It shows the agent's id, which is no secret. */
export function createVoice(
  { agentId, apiUrl, guard, shell }: {
    agentId: string;
    apiUrl: string;
    guard: Guard;
    shell: Shell;
  },
): Routes {
  const socket = toSocketUrl(apiUrl);
  const page = shell({
    title: "Voice",
    room: "voice",
    facts: `<span id="agent">${escape(agentId)}</span>`,
    data: { agentId, sdk: SDK, socket },
    hosts: [new URL(socket).origin, MODEL, RUNTIME],
    scripts: [
      SDK.url,
      // The SDK creates its worklets for recording and playing from strings.
      "blob:",
      // The worklet of the model, and the script that loads its WebAssembly.
      MODEL,
      RUNTIME,
      // Browsers treat the compilation of WebAssembly like `eval()`.
      "'wasm-unsafe-eval'",
    ],
  });
  return { "/voice": { GET: guard.page(page) } };
}

/** Returns the WebSocket's address, without the API's user name and password: the browser gets to know it. */
function toSocketUrl(apiUrl: string): string {
  const { protocol, host, pathname } = new URL(apiUrl);
  const scheme = protocol === "http:" ? "ws:" : "wss:";
  const path = pathname.replace(/\/+$/, "");
  return `${scheme}//${host}${path}/v1/agents/web/websocket`;
}
