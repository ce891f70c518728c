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
 * What this page uses of the SDK's client.
 *
 * @typedef {object} Client
 * @property {string} status
 * @property {string} _websocketUrl
 * @property {() => Promise<void>} connect
 * @property {() => Promise<void>} disconnect
 * @property {() => MediaStream | null} getStream
 * @property {(text: string) => void} sendClientResponseText
 */

/** @typedef {{ type: string, content?: unknown, turn_id?: string }} Message A message as the SDK passes it on */
/** @typedef {import("../page.js").Turn} Turn Words that one side said, or data that the agent sent */

export class Connection {
  /** @type {"disconnected" | "connecting" | "connected"} */
  state = "disconnected";
  /** Outlives a connection, so that the next one continues the conversation. */
  conversationId = "";
  trouble = "";
  /** The conversation, oldest turn first. @type {Turn[]} */
  turns = [];
  /** @type {Client | undefined} */
  #client;
  /** Proves that this page was given the conversation. @type {string | undefined} */
  #resumeToken;
  #data;
  #onChange;

  /** @param {{ agentId: string, sdk: Sdk, socket: string }} data @param {() => void} onChange */
  constructor(data, onChange) {
    this.#data = data;
    this.#onChange = onChange;
  }

  /** @param {Partial<Connection>} changes */
  #set(changes) {
    Object.assign(this, changes);
    this.#onChange();
  }

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
    if (client.status !== "error") return;
    // After some failures the SDK leaves the microphone on.
    const stream = client.getStream();
    await client.disconnect();
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

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

  #toOptions() {
    return {
      agentId: this.#data.agentId,
      conversationId: this.conversationId || null,
      authorizeSessionEndpoint: "/authorize",
      authorizeSessionRequest: this.#authorize,
      onConnect: (
        /** @type {{ conversationId: string }} */ { conversationId },
      ) => this.#set({ state: "connected", conversationId }),
      onDisconnect: () => {
        const trouble = this.state === "connected"
          ? "The connection was lost. Reconnect to go on."
          : this.trouble;
        this.#set({ state: "disconnected", trouble });
      },
      onError: (/** @type {Error} */ { message }) =>
        this.#set({ trouble: message }),
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

  /** Asks for a session key as the SDK would. @param {{ url: string, body: object }} request */
  #authorize = async ({ url, body }) => {
    const resume_token = this.#resumeToken;
    const response = await post(url, { ...body, resume_token });
    this.#resumeToken = (await response.clone().json()).resume_token;
    return response;
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

/** @param {Turn[]} turns @param {Partial<Turn>} turn */
export function addTurn(turns, turn) {
  turns.push({ turn_id: `${turns.length}`, status: "complete", ...turn });
}

/**
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
