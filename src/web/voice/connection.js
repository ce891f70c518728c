// @ts-check
/// <reference lib="dom" />
/**
 * A connection to Layercode by its browser SDK, and what the page knows of it.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */

import { post } from "../page.js";

/** @typedef {{ url: string, integrity: string }} Sdk */

/**
 * What this page uses of the SDK's client.
 *
 * @typedef {object} Client
 * @property {string} status
 * @property {string} _websocketUrl
 * @property {() => Promise<void>} connect
 * @property {() => Promise<void>} disconnect
 * @property {() => MediaStream | null} getStream
 * @property {(isOn: boolean) => Promise<void>} setAudioInput
 * @property {() => void} triggerUserTurnStarted
 * @property {() => void} triggerUserTurnFinished
 * @property {(text: string) => void} sendClientResponseText
 */

/** @typedef {{ type: string, content?: unknown, turn_id?: string }} Message A message as the SDK hands it on */
/** @typedef {{ conversationId: string | null, config?: { transcription?: { trigger?: string } } }} Session */
/** @typedef {import("../page.js").Turn} Turn What one side said, or sent */

const LOST = "The connection was lost. Reconnect to go on.";

/** The connection, made and lost as often as one likes. */
export class Connection {
  /** @type {"disconnected" | "connecting" | "connected"} */
  state = "disconnected";
  /** Kept over a disconnection, so that the next connection goes on with it. */
  conversationId = "";
  /** Why the last attempt failed. */
  trouble = "";
  /** Whether the agent is set up to be told when a caller speaks. */
  isPushed = false;
  /** Whether the caller has said so. */
  isTalking = false;
  /** Whether the browser lets this page record and play. */
  hasSound = isSecureContext && Boolean(navigator.mediaDevices);
  hasMicrophone = this.hasSound;
  /** What was said. @type {Turn[]} */
  turns = [];
  /** While there is a connection, or one is being made. @type {Client | undefined} */
  #client;
  #data;
  #onChange;

  /**
   * @param {{ agentId: string, sdk: Sdk, socket: string }} data what the server tells the page
   * @param {() => void} onChange
   */
  constructor(data, onChange) {
    this.#data = data;
    this.#onChange = onChange;
  }

  /** Takes note of something, and has the page drawn anew. @param {Partial<Connection>} news */
  #set(news) {
    Object.assign(this, news);
    this.#onChange();
  }

  /** Connects, or goes on with the conversation. */
  async connect() {
    this.#set({ state: "connecting", trouble: "" });
    const { sdk, socket } = this.#data;
    const Client = await loadSdk(sdk);
    if (Client === undefined) {
      const trouble = `Layercode's SDK could not be loaded from ${sdk.url}.`;
      return this.#set({ state: "disconnected", trouble });
    }
    const client = this.#client = new Client(this.#toOptions());
    client._websocketUrl = socket;
    await client.connect();
    // After some failures the SDK leaves the microphone on.
    if (client.status !== "error") return;
    const stream = client.getStream();
    await client.disconnect();
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  /** Hangs up. */
  async disconnect() {
    await this.#client?.disconnect();
    this.#set({ trouble: "" });
  }

  /** @param {string} text */
  send(text) {
    addTurn(this.turns, { caller: text });
    this.#client?.sendClientResponseText(text);
    this.#set({});
  }

  /** Tells that the caller begins or ends to speak. */
  toggleTalking = () => {
    if (this.isTalking) this.#client?.triggerUserTurnFinished();
    else this.#client?.triggerUserTurnStarted();
    this.#set({ isTalking: !this.isTalking });
  };

  /** Lets the caller be heard, or no longer. */
  toggleMicrophone = async () => {
    const hasMicrophone = !this.hasMicrophone;
    this.#set({ hasMicrophone });
    if (this.state !== "connected") return;
    try {
      await this.#client?.setAudioInput(hasMicrophone);
    } catch {
      // `onError` has been told why, which shows it.
      this.#set({ hasMicrophone: false });
      await this.#client?.setAudioInput(false);
    }
  };

  #toOptions() {
    return {
      agentId: this.#data.agentId,
      conversationId: this.conversationId || null,
      authorizeSessionEndpoint: "/authorize",
      authorizeSessionRequest: this.#authorize,
      audioInput: this.hasMicrophone,
      audioOutput: this.hasSound,
      onConnect: (/** @type {Session} */ { conversationId, config }) =>
        this.#set({
          state: "connected",
          conversationId: conversationId ?? "",
          isPushed: config?.transcription?.trigger === "push_to_talk",
        }),
      onDisconnect: () => {
        this.#client = undefined;
        const trouble = this.trouble || LOST;
        this.#set({ state: "disconnected", isTalking: false, trouble });
      },
      onError: (/** @type {Error} */ error) =>
        this.#set({ trouble: this.trouble || explain(error) }),
      onMessage: (/** @type {Message} */ message) => {
        addMessage(this.turns, message);
        this.#set({});
      },
      onDataMessage: (/** @type {{ content: unknown }} */ { content }) => {
        addTurn(this.turns, { parts: [{ type: "data", content }] });
        this.#set({});
      },
    };
  }

  /** @param {{ url: string, body: unknown }} request what the SDK would send */
  #authorize = async ({ url, body }) => {
    try {
      return await post(url, body);
    } catch (error) {
      // The SDK would tell no more than the status.
      this.trouble = Object(error).message;
      throw error;
    }
  };
}

/**
 * Loads the SDK, if it can be had; one that failed to come is asked for anew
 * the next time.
 *
 * @param {Sdk} sdk
 * @returns {Promise<(new (options: Record<string, unknown>) => Client) | undefined>}
 */
async function loadSdk({ url, integrity }) {
  const find = () => Reflect.get(globalThis, "LayercodeClient")?.default;
  if (find()) return find();
  const script = document.createElement("script");
  Object.assign(script, { src: url, integrity, crossOrigin: "anonymous" });
  document.head.append(script);
  await new Promise((resolve) => script.onload = script.onerror = resolve);
  return find();
}

/** Says what an error of the SDK's or the browser's means. @param {Error} error */
function explain({ name, message }) {
  // The SDK's own words are spelled as it spells them.
  if (/^(Not\w+|Overconstrained)Error$/.test(name) || /denined/.test(message)) {
    return "The microphone is not allowed, missing or in use. Mend that and connect again, or switch Microphone off and type.";
  }
  return /^WebSocket/.test(message) ? LOST : `That did not work: ${message}.`;
}

/**
 * Adds a turn, of which not all need be known yet.
 *
 * @param {Turn[]} turns
 * @param {Partial<Turn>} known
 */
export function addTurn(turns, known) {
  const key = `${turns.length}`;
  turns.push({ key, parts: [], state: "complete", ...known });
}

/**
 * Adds a message to the conversation.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @param {Turn[]} turns
 * @param {Message} message
 */
export function addMessage(turns, { type, content, turn_id }) {
  if (typeof content !== "string") return;
  if (type === "user.transcript") {
    const key = `user ${turn_id}`;
    // Layercode may repeat what was typed, which is there already.
    const typed = turns.find((turn) =>
      turn.caller === content && !turn.key.startsWith("user ")
    );
    if (typed) typed.key = key;
    else addTurn(turns, { key, caller: content });
  } else if (type === "response.text") {
    const key = `agent ${turn_id}`;
    const [part] = turns.find((turn) => turn.key === key)?.parts ?? [];
    if (part?.type !== "words") {
      addTurn(turns, { key, parts: [{ type: "words", text: content }] });
      return;
    }
    // Sentences may come one by one, without what stands between them.
    const gap = /[.!?…]$/.test(part.text) && /^\p{L}/u.test(content) ? " " : "";
    part.text += gap + content;
  }
}
