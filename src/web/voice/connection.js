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
 * @property {(isOn: boolean) => Promise<void>} setAudioOutput
 * @property {() => void} triggerUserTurnStarted
 * @property {() => void} triggerUserTurnFinished
 * @property {(text: string) => void} sendClientResponseText
 */

/** @typedef {new (options: Record<string, unknown>) => Client} ClientClass */

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
  isAudible = this.hasSound;
  /** What was said. @type {import("./messages.js").Turn[]} */
  turns = [];
  /** While there is a connection, or one is being made. @type {Client | undefined} */
  #client;
  #isLeaving = false;
  #data;
  #onChange;
  #onLevel;

  /**
   * @param {PageData} data
   * @param {() => void} onChange
   * @param {(level: number) => void} onLevel told many times a second how loud
   * the microphone is, from 0 to 1
   */
  constructor(data, onChange, onLevel) {
    this.#data = data;
    this.#onChange = onChange;
    this.#onLevel = onLevel;
  }

  /** Connects, or goes on with the conversation. */
  async connect() {
    this.trouble = "";
    this.#isLeaving = false;
    this.#set("connecting");
    let Client;
    try {
      Client = await loadSdk(this.#data.sdk);
    } catch (error) {
      this.trouble = explainError(error);
      return this.#set("disconnected");
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
    this.#onChange();
  }

  /** Tells that the caller begins or ends to speak. */
  toggleTalking = () => {
    this.isTalking = !this.isTalking;
    if (this.isTalking) this.#client?.triggerUserTurnStarted();
    else this.#client?.triggerUserTurnFinished();
    this.#onChange();
  };

  /** @param {boolean} isOn */
  setSound = (isOn) => {
    this.isAudible = isOn;
    this.#client?.setAudioOutput(isOn);
    this.#onChange();
  };

  /** @param {boolean} isOn */
  setMicrophone = async (isOn) => {
    this.hasMicrophone = isOn;
    this.#onChange();
    const client = this.#client;
    if (this.state !== "connected" || client === undefined) return;
    if (!isOn) return client.mute();
    try {
      await client.unmute();
      // Where the connection was made without it.
      await client.setAudioInput(true);
    } catch {
      // `onError` has been told why, which shows it.
      this.hasMicrophone = false;
      this.#onChange();
      await client.setAudioInput(false);
    }
  };

  /** @param {Connection["state"]} state */
  #set(state) {
    this.state = state;
    this.#onChange();
  }

  #toOptions() {
    return {
      agentId: this.#data.agentId,
      conversationId: this.conversationId || null,
      authorizeSessionEndpoint: "/authorize",
      authorizeSessionRequest: this.#authorize,
      audioInput: this.hasMicrophone,
      audioOutput: this.isAudible,
      onConnect: this.#onConnect,
      onDisconnect: this.#onDisconnect,
      onError: this.#onError,
      onMessage: (/** @type {import("./messages.js").Message} */ message) => {
        addMessage(this.turns, message);
        this.#onChange();
      },
      onDataMessage: (/** @type {{ content: unknown }} */ { content }) => {
        addTurn(this.turns, { parts: [{ type: "data", content }] });
        this.#onChange();
      },
      onUserAmplitudeChange: (/** @type {number} */ amplitude) =>
        // Speech is seldom above 0.3.
        this.#onLevel(Math.min(1, amplitude * 3)),
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
    this.conversationId = conversationId ?? "";
    this.isPushed = config?.transcription?.trigger === "push_to_talk";
    this.#set("connected");
  };

  #onDisconnect = () => {
    this.#client = undefined;
    this.isTalking = false;
    if (this.state === "connected") {
      addTurn(this.turns, { remark: "Disconnected" });
    }
    if (!this.#isLeaving) this.trouble ||= LOST;
    this.#set("disconnected");
  };

  /** @param {Error} error */
  #onError = (error) => {
    const isLost = this.state === "connected" &&
      /^WebSocket/.test(error.message);
    this.trouble ||= isLost ? LOST : explainError(error);
    this.#onChange();
  };
}

/**
 * Loads the SDK; one that failed to come is asked for anew the next time.
 *
 * @param {PageData["sdk"]} sdk
 * @returns {Promise<ClientClass>}
 */
async function loadSdk({ url, integrity }) {
  const world =
    /** @type {{ LayercodeClient?: { default: ClientClass } }} */ (globalThis);
  if (world.LayercodeClient === undefined) {
    const script = document.createElement("script");
    Object.assign(script, { src: url, integrity, crossOrigin: "anonymous" });
    document.head.append(script);
    await new Promise((resolve) => script.onload = script.onerror = resolve);
  }
  if (world.LayercodeClient !== undefined) return world.LayercodeClient.default;
  throw new Error(
    `Layercode's browser SDK could not be loaded from ${url}: a firewall or an extension may stand in the way`,
  );
}
