/**
 * The voice page: the agent as a caller hears it. Layercode's own browser SDK
 * gets its session key from `/authorize`, and from there on it is the browser
 * and Layercode: neither sound nor key passes through here.
 *
 * @module
 */
import type { Handler, Routes } from "../../server/router.ts";
import type { Guard } from "../../server/guard.ts";
import type { Header } from "../header.ts";
import { json } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import { createPage, type PageOptions } from "../page.ts";
import { createSdk, SDK_VERSION } from "./sdk.ts";

/** What the voice page is made of. */
export interface VoiceParts {
  /** The agent to talk to. The browser may know it. */
  agentId: string;
  /** `https://api.layercode.com`, or a stand-in's address. */
  apiUrl: string;
  /** Where the SDK is fetched: the npm registry's address. */
  registry: string;
  /** Parley's own version. */
  version: string;
  /** Says who may have the page, which spends the owner's balance. */
  guard: Guard;
  /** What the page begins with. */
  header: Header;
  /** Told when the SDK can't be had. */
  log: Log;
}

/** Where the SDK goes by itself. */
const OWN_SOCKET = "wss://api.layercode.com/v1/agents/web/websocket";

/** Where the SDK gets what tells speech from noise: a model, and what runs it. */
const MODEL = "https://assets.layercode.com/vad-web/0.0.29/";
const RUNTIME = "https://assets.layercode.com/onnxruntime-web/1.23.2/";

/** Makes the voice page and what it asks for. */
export function createVoice(parts: VoiceParts): Routes {
  const { agentId, apiUrl, registry, version, guard, header, log } = parts;
  const socket = toSocketUrl(apiUrl);
  const allow = {
    "connect-src": [
      // The conversation itself.
      new URL(socket).origin,
      // The model itself, and the WebAssembly that runs it.
      MODEL,
      RUNTIME,
    ].join(" "),
    "script-src": [
      // The worklets that record and play: the SDK makes them of text it holds.
      "blob:",
      // The model's worklet, and the script that loads the WebAssembly…
      MODEL,
      RUNTIME,
      // …which a browser takes for a kind of eval.
      "'wasm-unsafe-eval'",
    ].join(" "),
  };
  const info = {
    version,
    sdkVersion: SDK_VERSION,
    agentId,
    ...(socket === OWN_SOCKET ? {} : { websocketUrl: socket }),
  };
  function file(name: string, options: PageOptions = {}): Handler {
    return createPage(new URL(`./${name}`, import.meta.url), options);
  }
  return {
    "/voice": { GET: guard.page(file("voice.html", { allow, header })) },
    "/voice/voice.css": { GET: guard.part(file("voice.css")) },
    "/voice/voice.js": { GET: guard.part(file("voice.js")) },
    "/voice/transcript.js": { GET: guard.part(file("transcript.js")) },
    "/voice/trouble.js": { GET: guard.part(file("trouble.js")) },
    "/voice/sdk.js": { GET: guard.part(createSdk({ registry, log })) },
    "/voice/info": { GET: guard.part(() => json(info)) },
  };
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
