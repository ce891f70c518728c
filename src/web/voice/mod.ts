/**
 * The voice page: the agent as a caller hears it. Layercode's own browser SDK
 * gets its session key from `/authorize`, and from there on it is the browser
 * and Layercode: neither sound nor key passes through here.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */
import type { Routes } from "../../server/router.ts";
import type { Guard } from "../../server/guard.ts";
import { escape, type Shell } from "../shell.ts";

/** What the voice page is made of. */
export interface VoiceParts {
  /** The agent to talk to. The browser may know it. */
  agentId: string;
  /** `https://api.layercode.com`, or a stand-in's address. */
  apiUrl: string;
  /** Says who may have the page, which spends the owner's balance. */
  guard: Guard;
  /** Makes the page. */
  shell: Shell;
}

/**
 * The SDK, which the browser loads and checks by its hash. It is no dependency
 * of ours: its package names all of onnxruntime-web (over 100 MB), though its
 * bundle holds what it needs. The hash is
 * `openssl dgst -sha384 -binary dist/layercode-js-sdk.min.js | base64`.
 */
export const SDK = {
  url:
    "https://cdn.jsdelivr.net/npm/@layercode/js-sdk@2.8.10/dist/layercode-js-sdk.min.js",
  integrity:
    "sha384-6vd2Dy5aYgKgmPUCs4Smrphc+dM9qpsa+7rq20lLu/vRUShZ0tDpcwXPDhwIriw8",
};

/** Where the SDK gets what tells speech from noise: a model, and what runs it. */
const MODEL = "https://assets.layercode.com/vad-web/0.0.29/";
const RUNTIME = "https://assets.layercode.com/onnxruntime-web/1.23.2/";

/** Makes the voice page. */
export function createVoice(parts: VoiceParts): Routes {
  const { agentId, apiUrl, guard, shell } = parts;
  const socket = toSocketUrl(apiUrl);
  const page = shell({
    title: "Voice",
    room: "voice",
    facts: `<span id="agent">${escape(agentId)}</span>`,
    data: { agentId, sdk: SDK, socket },
    hosts: [new URL(socket).origin, MODEL, RUNTIME],
    scripts: [
      SDK.url,
      // The worklets that record and play: the SDK makes them of text it holds.
      "blob:",
      // The model's worklet, and the script that loads the WebAssembly…
      MODEL,
      RUNTIME,
      // …which a browser takes for a kind of eval.
      "'wasm-unsafe-eval'",
    ],
  });
  return { "/voice": { GET: guard.page(page) } };
}

/**
 * The WebSocket that goes with Layercode's API.
 *
 * @param apiUrl http or https. A user name and password in it stay here: a
 * browser is to know the address
 */
function toSocketUrl(apiUrl: string): string {
  const { protocol, host, pathname } = new URL(apiUrl);
  const scheme = protocol === "http:" ? "ws:" : "wss:";
  const path = pathname.replace(/\/+$/, "");
  return `${scheme}//${host}${path}/v1/agents/web/websocket`;
}
