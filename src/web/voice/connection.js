/// <reference lib="dom" />
/**
 * A connection to Layercode through its browser SDK, and its state.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */

import { post } from "../page.js";

/** @typedef {{ url: string, integrity: string }} Sdk */

/**
 * The members of the SDK's client that this page uses.
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

/** @typedef {{ type: string, content?: unknown, turn_id?: string }} Message A message as the SDK passes it on */
/** @typedef {{ conversationId: string | null, config?: { transcription?: { trigger?: string } } }} Session */
/** @typedef {import("../page.js").Turn} Turn Words that one side said, or data that the agent sent */

const LOST = "The connection was lost. Reconnect to go on.";

/** A connection that can be closed and opened again. */
export class Connection {
  /** @type {"disconnected" | "connecting" | "connected"} */
  state = "disconnected";
  /** Outlives a connection, so that the next one continues the conversation. Empty before the first. */
  conversationId = "";
  /** An error message. Empty if there is no error. */
  trouble = "";
  /** Whether the agent is set to push-to-talk: the page signals when the caller speaks. */
  isPushToTalk = false;
  /** Whether the caller is speaking, with push-to-talk. */
  isTalking = false;
  /** Whether the browser lets this page record and play sound. */
  hasAudio = isSecureContext && Boolean(navigator.mediaDevices);
  hasMicrophone = this.hasAudio;
  /** The conversation, oldest turn first. @type {Turn[]} */
  turns = [];
  /** Set while connecting or connected. @type {Client | undefined} */
  #client;
  #data;
  #onChange;

  /**
   * @param {{ agentId: string, sdk: Sdk, socket: string }} data the data that the server passes to the page
   * @param {() => void} onChange
   */
  constructor(data, onChange) {
    this.#data = data;
    this.#onChange = onChange;
  }

  /** Changes the state and redraws the page. @param {Partial<Connection>} changes */
  #set(changes) {
    Object.assign(this, changes);
    this.#onChange();
  }

  /** Connects. If there was a conversation already, continues it. */
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

  /** Closes the connection. */
  async disconnect() {
    await this.#client?.disconnect();
    this.#set({ trouble: "" });
  }

  /** @param {string} text */
  send(text) {
    addTurn(this.turns, { user: text });
    this.#client?.sendClientResponseText(text);
    this.#set({});
  }

  /** Signals that the caller begins or stops speaking. */
  toggleTalking = () => {
    if (this.isTalking) this.#client?.triggerUserTurnFinished();
    else this.#client?.triggerUserTurnStarted();
    this.#set({ isTalking: !this.isTalking });
  };

  /** Switches the microphone on or off. */
  toggleMicrophone = async () => {
    const hasMicrophone = !this.hasMicrophone;
    this.#set({ hasMicrophone });
    if (this.state !== "connected") return;
    try {
      await this.#client?.setAudioInput(hasMicrophone);
    } catch {
      // The SDK has called `onError`, which shows the reason.
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
      audioOutput: this.hasAudio,
      onConnect: (/** @type {Session} */ { conversationId, config }) =>
        this.#set({
          state: "connected",
          conversationId: conversationId ?? "",
          isPushToTalk: config?.transcription?.trigger === "push_to_talk",
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
        addTurn(this.turns, { data: [content] });
        this.#set({});
      },
    };
  }

  /** @param {{ url: string, body: unknown }} request the request that the SDK would send */
  #authorize = async ({ url, body }) => {
    try {
      return await post(url, body);
    } catch (error) {
      // The SDK would report only the status.
      this.trouble = Object(error).message;
      throw error;
    }
  };
}

/**
 * Loads the SDK. Returns `undefined` if that fails; the next call tries again.
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

/** Explains an error of the SDK or the browser to the user. @param {Error} error */
function explain({ name, message }) {
  // "denined" is a typo of the SDK.
  if (/^(Not\w+|Overconstrained)Error$/.test(name) || /denined/.test(message)) {
    return "The microphone is not allowed, missing or in use. Fix that and connect again, or switch Microphone off and type.";
  }
  return /^WebSocket/.test(message) ? LOST : `That did not work: ${message}.`;
}

/**
 * Adds a turn, with defaults for what is missing.
 *
 * @param {Turn[]} turns
 * @param {Partial<Turn>} turn
 */
export function addTurn(turns, turn) {
  turns.push({ turn_id: `${turns.length}`, status: "complete", ...turn });
}

/**
 * Adds a message to the conversation.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @param {Turn[]} turns
 * @param {Message} message
 */
export function addMessage(turns, { type, content, turn_id: id }) {
  if (typeof content !== "string") return;
  if (type === "user.transcript") {
    const turn_id = `user ${id}`;
    // Layercode may send typed text back, which the page shows already.
    const typed = turns.find((turn) =>
      turn.user === content && !turn.turn_id.startsWith("user ")
    );
    if (typed) typed.turn_id = turn_id;
    else addTurn(turns, { turn_id, user: content });
  } else if (type === "response.text") {
    const turn_id = `agent ${id}`;
    const turn = turns.find((turn) => turn.turn_id === turn_id);
    if (!turn) return addTurn(turns, { turn_id, assistant: content });
    // Sentences may arrive one by one, without the spaces between them.
    const { assistant = "" } = turn;
    const gap = /[.!?…]$/.test(assistant) && /^\p{L}/u.test(content) ? " " : "";
    turn.assistant = assistant + gap + content;
  }
}
