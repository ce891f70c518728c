/**
 * Layercode as both a browser and a backend see it: the REST call that issues
 * session keys, and the WebSocket that its browser SDK opens. What is typed in the
 * browser becomes a signed webhook, and the backend's answer becomes the SDK's
 * messages. It ignores sound, and plays silence.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @module
 */
import {
  newId,
  readAnswer,
  sendEvent,
} from "../../src/platforms/layercode/client.ts";

/** The options of a stand-in. */
export interface PlatformOptions {
  /** The valid API key. */
  key: string;
  /** The id of the only agent. */
  agentId: string;
  /** The secret that signs webhooks. */
  secret: string;
  /** Whether the browser detects speech by itself. Default: no. */
  vad?: boolean;
}

/** A running stand-in. */
export interface Platform extends AsyncDisposable {
  /** The value for `LAYERCODE_API_URL`. */
  url: string;
  /** The backend's webhook; set it once the backend runs. */
  webhook: string;
  /** Refuses the next session keys, as Layercode would. */
  refusal: { status: number; error: string } | undefined;
  /** The bodies of the requests for a session key. */
  authorized: Record<string, unknown>[];
  /** All messages of browsers, except sound. */
  messages: Record<string, unknown>[];
  /** The number of sound messages of browsers. */
  sounds: number;
  /** Acts as if the caller had said these pieces of a sentence. */
  hear(...pieces: string[]): void;
  /** Sends data to the browser, as if the backend had sent it. */
  tell(content: unknown): void;
  /** Closes all connections, like a network failure. */
  drop(): void;
}

/** 20 ms of silence at 16 kHz, for the SDK to play. */
const SILENCE = btoa("\0".repeat(640));

/** Starts a stand-in on a free port. */
export function startPlatform(options: PlatformOptions): Platform {
  const { key, agentId, secret, vad = false } = options;
  /** Conversations by their session keys. */
  const conversations = new Map<string, string>();
  const sockets = new Map<WebSocket, Record<string, unknown>>();
  const turns = new Set<Promise<void>>();

  async function authorize(request: Request): Promise<Response> {
    const body = await request.json();
    platform.authorized.push(body);
    const { refusal } = platform;
    if (refusal) {
      return Response.json({ error: refusal.error }, refusal);
    }
    if (
      request.headers.get("authorization") !== `Bearer ${key}` ||
      body.agent_id !== agentId
    ) {
      return Response.json({ error: "Invalid agent or key" }, { status: 400 });
    }
    const client_session_key = newId("csk");
    const conversation_id = body.conversation_id ?? newId("conv");
    conversations.set(client_session_key, conversation_id);
    return Response.json({
      client_session_key,
      conversation_id,
      config: {
        transcription: {
          trigger: "automatic",
          can_interrupt: true,
          automatic: true,
        },
        vad: { enabled: vad },
      },
    });
  }

  function connect(request: Request): Response {
    const { searchParams } = new URL(request.url);
    const sessionKey = searchParams.get("client_session_key") ?? "";
    const conversation_id = conversations.get(sessionKey);
    // A key is valid for one connection.
    if (conversation_id === undefined || !conversations.delete(sessionKey)) {
      return Response.json({ error: "Invalid session key" }, { status: 401 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    const session = { conversation_id, session_id: newId("sess") };
    sockets.set(socket, session);
    socket.onclose = () => sockets.delete(socket);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "client.audio") {
        platform.sounds++;
        return;
      }
      platform.messages.push(message);
      if (message.type === "client.ready") {
        begin({ type: "session.start" }, socket);
      }
      if (message.type === "client.response.text") {
        const { content: text } = message;
        send(socket, { type: "turn.start", role: "user" });
        send(socket, {
          type: "user.transcript",
          content: text,
          turn_id: newId("turn"),
        });
        begin({ type: "message", text }, socket);
      }
    };
    return response;
  }

  function begin(event: Record<string, unknown>, socket: WebSocket): void {
    const turn = relay({
      ...sockets.get(socket),
      turn_id: newId("turn"),
      ...event,
    }, socket);
    turns.add(turn);
    turn.catch(() => {
      // The backend has disconnected in mid-answer; a test notices the missing answer.
    }).finally(() => turns.delete(turn));
  }

  /** Calls the webhook, and passes on the answer as it arrives. */
  async function relay(
    event: Record<string, unknown>,
    socket: WebSocket,
  ): Promise<void> {
    const turn_id = event.turn_id;
    send(socket, { type: "turn.start", role: "assistant", turn_id });
    const answer = await sendEvent(event, { url: platform.webhook, secret });
    for await (const { type, content } of readAnswer(answer)) {
      if (type === "response.tts") {
        send(socket, { type: "response.text", content, turn_id });
        send(socket, { type: "response.audio", content: SILENCE, turn_id });
      } else {
        send(socket, { type, content, turn_id });
      }
    }
    send(socket, { type: "turn.end", role: "assistant", turn_id });
  }

  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) => {
      const { pathname } = new URL(request.url);
      switch (pathname) {
        case "/v1/agents/web/authorize_session":
          return authorize(request);
        case "/v1/agents/web/websocket":
          return connect(request);
        default:
          return Response.json({ error: "Not found" }, { status: 404 });
      }
    },
  );

  const platform: Platform = {
    url: `http://127.0.0.1:${server.addr.port}`,
    webhook: "",
    refusal: undefined,
    authorized: [],
    messages: [],
    sounds: 0,
    hear(...pieces) {
      const turn_id = newId("turn");
      const text = pieces.join("");
      for (const socket of sockets.keys()) {
        send(socket, { type: "turn.start", role: "user" });
        for (const [delta_counter, piece] of pieces.entries()) {
          const type = "user.transcript.interim_delta";
          // Two interim transcripts, since the first guess mostly changes.
          for (const content of [piece.toUpperCase(), piece]) {
            send(socket, { type, content, turn_id, delta_counter });
          }
        }
        send(socket, { type: "user.transcript", content: text, turn_id });
        begin({ type: "message", text }, socket);
      }
    },
    tell(content) {
      for (const socket of sockets.keys()) {
        send(socket, {
          type: "response.data",
          content,
          turn_id: newId("turn"),
        });
      }
    },
    drop() {
      for (const socket of sockets.keys()) {
        socket.close(4000, "Dropped by the test");
      }
    },
    async [Symbol.asyncDispose]() {
      platform.drop();
      await Promise.allSettled(turns);
      await server.shutdown();
    },
  };
  return platform;
}

function send(socket: WebSocket, message: Record<string, unknown>): void {
  if (socket.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify(message));
  }
}
