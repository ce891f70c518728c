/**
 * A model server for the soak: Ollama's API, with a steady pace. An answer begins
 * with how long the model delayed it, so that a caller knows the server's part of
 * the wait. A caller may name a {@linkcode Fault}, which the model then plays.
 *
 * @module
 */
import {
  createServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { json } from "node:stream/consumers";
import { readJobs } from "../../bench/_child.ts";
import { print } from "../../bench/_print.ts";
import type { Fault } from "../_turns.ts";

const FIRST_MS = 20;
/** So slow that a small machine can serve a hundred callers. */
const TOKEN_MS = 120;
const WORDS = "There is a room for two people from Friday to Sunday .".split(
  " ",
);

/** Streams an answer at the model's pace, with its fault if it has one. */
async function answer(
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  const startedAt = performance.now();
  await sleep(FIRST_MS);
  if (fault === "reset") return void response.destroy();
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  const held = (performance.now() - startedAt).toFixed(2);
  response.write(toLine(`Held ${held} ms `));
  for (const [n, word] of WORDS.entries()) {
    await sleep(TOKEN_MS);
    if (response.destroyed) return;
    if (n === 5) {
      if (fault === "cut") return void response.destroy();
      if (fault === "half") {
        return void response.end(toLine("Half").slice(0, 30));
      }
      // The model hangs until the client gives up.
      if (fault === "endless") return;
    }
    response.write(toLine(`${word} `));
  }
  response.end(toLine("", true));
}

function toLine(content: string, done = false): string {
  const message = { role: "assistant", content };
  const end = done ? { done_reason: "stop", eval_count: 12 } : {};
  return `${JSON.stringify({ model: "soak", message, done, ...end })}\n`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function chat(request: IncomingMessage, response: ServerResponse) {
  // deno-lint-ignore no-explicit-any -- whatever Parley asks is fine
  const { messages = [], stream } = await json(request) as any;
  if (stream === false || messages.length === 0) {
    return send(response, { message: {}, done: true, done_reason: "load" });
  }
  const said = String(messages.at(-1).content);
  const fault = /fault:(\w+)/.exec(said)?.[1] as Fault | undefined;
  if (fault === "refused") return send(response, { error: "no" }, 500);
  await answer(response, fault);
}

function send(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const server = createServer((request, response) => {
  switch (request.url) {
    case "/api/chat":
      return chat(request, response);
    case "/api/show":
      return send(response, { capabilities: ["completion"], details: {} });
    case "/api/tags":
      return send(response, { models: [{ name: "soak", size: 1_000_000 }] });
    default:
      return send(response, { version: "0.30.0" });
  }
});
const connections = new Set<Socket>();
server.on("connection", (connection) => {
  connections.add(connection);
  connection.on("close", () => connections.delete(connection));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  print(`{"url":"http://127.0.0.1:${port}"}`);
});
// A line on standard input drops all connections, which must be idle by then.
readJobs(() => {
  for (const connection of connections) connection.destroy();
  return Promise.resolve({});
});
