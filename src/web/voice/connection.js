// @ts-check
/// <reference lib="dom" />
/**
 * A connection to Layercode by its browser SDK, and what the page knows of it.
 *
 * https://docs.layercode.com/sdk-reference/vanilla-js-sdk
 *
 * @module
 */
import { addMessage, addTurn } from "./messages.js";
import { explainError, explainRefusal } from "./trouble.js";

/**
 * What the server tells the page.
 *
 * @typedef {object} PageData
 * @property {string} version Parley's own
 * @property {string} agentId
 * @property {{ url: string, integrity: string }} sdk
 * @property {string} [websocketUrl] where it isn't Layercode's own
 */

/**
 * What this page uses of the SDK's client.
 *
 * @typedef {object} Client
 * @property {string} status
 * @property {string} [_websocketUrl]
 * @property {() => Promise<void>} connect
 * @property {() => Promise<void>} disconnect
 * @property {() => MediaStream | null} getStream
 * @property {() => void} mute
 * @property {() => Promise<void>} unmute
 * @property {(isOn: boolean) => Promise<void>} setAudioInput
 * @property {() => void} triggerUserTurnStarted
 * @property {() => void} triggerUserTurnFinished
 * @property {(text: string) => void} sendClientResponseText
 */

/**
 * What the page is told of.
 *
 * @typedef {object} Listeners
 * @property {() => void} onChange
 * @property {(level: number) => void} onLevel many times a second: how loud the
 * microphone is, from 0 to 1
 */

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
  /** What was said. @type {import("./messages.js").Turn[]} */
  turns = [];
  /** While there is a connection, or one is being made. @type {Client | undefined} */
  #client;
  #isLeaving = false;
  #data;
  #listeners;

  /**
   * @param {PageData} data
   * @param {Listeners} listeners
   */
  constructor(data, listeners) {
    this.#data = data;
    this.#listeners = listeners;
  }

  /** Takes note of something, and has the page drawn anew. @param {Partial<Connection>} news */
  #set(news) {
    Object.assign(this, news);
    this.#listeners.onChange();
  }

  /** Connects, or goes on with the conversation. */
  async connect() {
    this.#isLeaving = false;
    this.#set({ state: "connecting", trouble: "" });
    let Client;
    try {
      Client = await loadSdk(this.#data.sdk);
    } catch (error) {
      const trouble = explainError(error);
      return this.#set({ state: "disconnected", trouble });
    }
    const client = this.#client = new Client(this.#toOptions());
    const { websocketUrl } = this.#data;
    if (websocketUrl) client._websocketUrl = websocketUrl;
    await client.connect();
    // After some failures the SDK leaves the microphone on.
    if (client.status !== "error") return;
    const stream = client.getStream();
    await client.disconnect();
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  /** Hangs up. */
  disconnect() {
    this.#isLeaving = true;
    this.#client?.disconnect();
  }

  /** @param {string} text */
  send(text) {
    addTurn(this.turns, { caller: text, isTyped: true });
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
    const client = this.#client;
    if (this.state !== "connected" || client === undefined) return;
    if (!hasMicrophone) return client.mute();
    try {
      await client.unmute();
      // Where the connection was made without it.
      await client.setAudioInput(true);
    } catch {
      // `onError` has been told why, which shows it.
      this.#set({ hasMicrophone: false });
      await client.setAudioInput(false);
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
      onConnect: this.#onConnect,
      onDisconnect: this.#onDisconnect,
      onError: this.#onError,
      onMessage: (/** @type {import("./messages.js").Message} */ message) => {
        addMessage(this.turns, message);
        this.#set({});
      },
      onDataMessage: (/** @type {{ content: unknown }} */ { content }) => {
        addTurn(this.turns, { parts: [{ type: "data", content }] });
        this.#set({});
      },
      onUserAmplitudeChange: (/** @type {number} */ amplitude) =>
        // Speech is seldom above 0.3.
        this.#listeners.onLevel(Math.min(1, amplitude * 3)),
    };
  }

  /** @param {{ url: string, body: unknown }} request what the SDK would send */
  #authorize = async ({ url, body }) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    // The SDK would tell no more than the status.
    if (!response.ok) this.trouble = await explainRefusal(response.clone());
    return response;
  };

  /** @param {{ conversationId: string | null, config?: { transcription?: { trigger?: string } } }} session */
  #onConnect = ({ conversationId, config }) => {
    const isKnown = conversationId === this.conversationId;
    addTurn(this.turns, { remark: isKnown ? "Reconnected" : "Connected" });
    this.#set({
      state: "connected",
      conversationId: conversationId ?? "",
      isPushed: config?.transcription?.trigger === "push_to_talk",
    });
  };

  #onDisconnect = () => {
    this.#client = undefined;
    if (this.state === "connected") {
      addTurn(this.turns, { remark: "Disconnected" });
    }
    if (!this.#isLeaving) this.trouble ||= LOST;
    this.#set({ state: "disconnected", isTalking: false });
  };

  /** @param {Error} error */
  #onError = (error) => {
    const isLost = this.state === "connected" &&
      /^WebSocket/.test(error.message);
    const trouble = isLost ? LOST : explainError(error);
    this.#set({ trouble: this.trouble || trouble });
  };
}

/**
 * Loads the SDK; one that failed to come is asked for anew the next time.
 *
 * @param {PageData["sdk"]} sdk
 * @returns {Promise<new (options: Record<string, unknown>) => Client>}
 */
async function loadSdk({ url, integrity }) {
  const find = () => Reflect.get(globalThis, "LayercodeClient");
  if (find() === undefined) {
    const script = document.createElement("script");
    Object.assign(script, { src: url, integrity, crossOrigin: "anonymous" });
    document.head.append(script);
    await new Promise((resolve) => script.onload = script.onerror = resolve);
  }
  if (find() !== undefined) return find().default;
  throw new Error(
    `Layercode's browser SDK could not be loaded from ${url}: a firewall or an extension may stand in the way`,
  );
}
