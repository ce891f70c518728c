/**
 * `deno task say`: talks to a running server from the terminal, signed as
 * Layercode signs or with chat completions, and shows how long its words take.
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
  type TurnResult,
} from "./_connection.ts";
import { oneLine, print, printError, printJson, run } from "./_terminal.ts";

const USAGE = `Talks to a running Parley, as a voice platform would.

  deno task say "Hello"      one turn
  deno task say              a conversation, until Ctrl+D

  --platform NAME      layercode (default), or openai: chat completions
  --event NAME         of Layercode: message (default), session.start, data,
                       session.update, session.end; a text is the JSON of "data"
  --conversation ID    goes on with a conversation
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
    throw new Error(`--event ${event}: only Layercode has it`);
  }
  const text = words.join(" ");
  if (event === "message" && words.length === 0) {
    return await converse(connection, json);
  }
  if (event === "message" && text.trim() === "") {
    throw new Error("There are no words in the text");
  }
  return await send(connection, makeEvent(event, text), json);
}

function makeEvent(type: string, text: string): EventFields {
  const turn_id = newId("turn");
  switch (type) {
    case "data":
      return { type, turn_id, data: parseData(text) };
    case "session.update":
      return { type, recording_status: "completed" };
    case "session.end":
      return { type, duration: null, transcript: [] };
    default:
      return { type, turn_id, text };
  }
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text || "{}");
  } catch {
    throw new Error(`--event data: the text must be JSON, not ${text}`);
  }
}

/** Takes one turn after another, the welcome first. */
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

/**
 * Sends one event and prints the answer as it comes.
 *
 * @param json whether a program reads the output
 * @returns whether it was answered whole
 */
async function send(
  connection: Connection,
  fields: EventFields,
  json: boolean,
): Promise<boolean> {
  const { url, conversationId } = connection;
  const show = json ? () => {} : print;
  const outcome = await ask(connection, fields, { show }).catch((error) => {
    throw new Error(
      `Cannot reach ${url}: ${explain(error)}\n` +
        "Is the server running? deno task start",
    );
  });
  if (outcome instanceof Response) return await printPlain(outcome, url);
  const ids = { conversation_id: conversationId, turn_id: fields.turn_id };
  if (json) printJson({ ...ids, ...outcome });
  else print(`\n(${toLine(outcome, conversationId)})\n`);
  if (outcome.reason !== undefined) {
    printError(`The answer broke off: ${oneLine(outcome.reason)}`);
  }
  if (outcome.status === "failed") {
    printError("The server's log says why; deno task doctor looks for it");
  }
  return outcome.status === "complete";
}

/** An outcome in one line. */
function toLine(outcome: TurnResult, conversationId: string): string {
  const { status, first_words_ms } = outcome;
  return oneLine([
    ...(first_words_ms === undefined ? ["no words"] : []),
    ...toFigures(outcome),
    ...toEnding(outcome),
    ...(status === "complete" ? [] : [status]),
    `conversation ${conversationId}`,
  ].join(", "));
}

/** Prints what isn't a stream: Parley's JSON, or whatever else answers there. */
async function printPlain(response: Response, url: string): Promise<boolean> {
  const { status, headers, ok } = response;
  const text = await response.text();
  if (/^application\/json\b/.test(headers.get("content-type") ?? "")) {
    print(`${text.trim()}\n`);
    return ok;
  }
  const location = headers.get("location");
  throw new Error(
    location !== null
      ? `${url} redirects (${status}) to ${location}: give --url that address`
      : `${url} is not Parley's webhook: it answered with status ${status}`,
  );
}

if (import.meta.main) await run(USAGE, OPTIONS, main);
