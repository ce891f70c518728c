/**
 * `deno task say`: talks to a running server from the terminal, by Layercode's
 * signed webhook or by chat completions, and shows how long an answer takes.
 *
 * @module
 */
import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { newId } from "../platforms/layercode/client.ts";
import { explain } from "../server/log.ts";
import { toEnding, toFigures } from "../web/figures.js";
import {
  ask,
  connect,
  type Connection,
  type ConnectOptions,
  type EventFields,
  explainRefusal,
  type TurnResult,
} from "./_connection.ts";
import { oneLine, print, printError, printJson, run } from "./_terminal.ts";

const USAGE = `Talks to a running Parley, as a voice platform would.

  deno task say "Hello"      one turn
  deno task say              a conversation, until Ctrl+D

  --platform NAME      layercode (default), or openai: chat completions
  --event NAME         for layercode: message (default), session.start, data,
                       session.update, session.end; the text of data is JSON
  --conversation ID    continues a conversation
  --url URL            the server (default: by HOST and PORT)
  --secret SECRET      the webhook secret, or for openai one of the API_KEYS
                       (default: from the settings)
  --json               one JSON object a turn, for programs
`;

const OPTIONS = {
  platform: { type: "string" },
  event: { type: "string" },
  conversation: { type: "string" },
  url: { type: "string" },
  secret: { type: "string" },
  json: { type: "boolean" },
} as const;

async function main(
  given: ConnectOptions & { event?: string; json?: boolean },
  words: readonly string[],
): Promise<boolean> {
  const { event = "message", json = false } = given;
  const connection = await connect(given);
  if (!connection.hasEvents && event !== "message") {
    throw new Error(`--event ${event}: exists for --platform layercode only`);
  }
  const text = words.join(" ");
  if (event === "message" && words.length === 0) {
    return await converse(connection, json);
  }
  if (event === "message" && text.trim() === "") {
    throw new Error("The text is empty");
  }
  return await send(connection, makeEvent(event, text), json);
}

function makeEvent(type: string, text: string): EventFields {
  const turn_id = newId("turn");
  switch (type) {
    case "data":
      return { type, turn_id, data: JSON.parse(text || "{}") };
    case "session.update":
      return { type, recording_status: "completed" };
    case "session.end":
      return { type, duration: null, transcript: [] };
    default:
      return { type, turn_id, text };
  }
}

/** Reads lines from stdin and sends each as a turn, after the welcome. */
async function converse(
  connection: Connection,
  json: boolean,
): Promise<boolean> {
  const prompt = json || !Deno.stdin.isTerminal() ? "" : "> ";
  let isComplete = !connection.hasEvents ||
    await send(connection, makeEvent("session.start", ""), json);
  if (!isComplete) return false;
  print(prompt);
  for await (const text of createInterface({ input: stdin })) {
    if (text.trim() !== "") {
      const event = makeEvent("message", text.trim());
      isComplete = await send(connection, event, json) && isComplete;
    }
    print(prompt);
  }
  if (!json) print("\n");
  return isComplete;
}

/** Sends one event and prints the answer as it comes. Returns whether it is complete. */
async function send(
  connection: Connection,
  fields: EventFields,
  json: boolean,
): Promise<boolean> {
  const { url, conversationId } = connection;
  const show = json ? () => {} : print;
  const result = await ask(connection, fields, { show }).catch((error) => {
    throw new Error(
      `Cannot reach ${url}: ${explain(error)}\n` +
        "Is the server running? deno task start",
    );
  });
  if (result instanceof Response) return await printResponse(result, url);
  const ids = { conversation_id: conversationId, turn_id: fields.turn_id };
  if (json) printJson({ ...ids, ...result });
  else print(`\n(${toLine(result, conversationId)})\n`);
  if (result.reason !== undefined) {
    printError(`The answer broke off: ${oneLine(result.reason)}`);
  }
  if (result.status === "failed") {
    printError(
      "The server's log says why; deno task doctor looks for the cause",
    );
  }
  return result.status === "complete";
}

function toLine(result: TurnResult, conversationId: string): string {
  const { status, first_words_ms } = result;
  return oneLine([
    ...(first_words_ms === undefined ? ["no words"] : []),
    ...toFigures(result),
    ...toEnding(result),
    ...(status === "complete" ? [] : [status]),
    `conversation ${conversationId}`,
  ].join(", "));
}

/** Prints a response that isn't a stream, if it is JSON, as Parley's are. */
async function printResponse(
  response: Response,
  url: string,
): Promise<boolean> {
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/json\b/.test(type)) {
    throw new Error(explainRefusal(response, text, url).join("\n    → "));
  }
  print(`${text.trim()}\n`);
  return response.ok;
}

if (import.meta.main) await run(USAGE, OPTIONS, main);
