/**
 * `deno task say`: talks to a running server from the terminal, signed as
 * Layercode signs, and shows how long its words take.
 *
 * @module
 */
import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { ConfigError, readConfig } from "../config.ts";
import { readEnvironment } from "../environment.ts";
import { newId, readAnswer, sendEvent } from "../layercode/client.ts";
import { explain, printError } from "../log.ts";
import { readKeptSecret } from "../secret.ts";

const USAGE = `Talks to a running Parley, as Layercode would.

  deno task say "Hello"      one turn
  deno task say              a conversation, until Ctrl+D

  --event NAME         message (default), session.start, data, session.update,
                       session.end; a text is the JSON of "data"
  --conversation ID    goes on with a conversation
  --url URL            the server (default: this machine, PORT)
  --secret SECRET      the webhook secret (default: from the settings)
`;

/** What one run talks to. */
interface Line {
  url: string;
  secret: string;
  conversationId: string;
  sessionId: string;
}

/** Something that a person has to mend. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

async function main(args: string[]): Promise<boolean> {
  const { values, positionals } = readArguments(args);
  if (values.help) {
    print(USAGE);
    return true;
  }
  const line: Line = {
    ...await findServer(values),
    conversationId: values.conversation ?? newId("conv"),
    sessionId: newId("sess"),
  };
  const text = positionals.join(" ");
  const event = values.event ?? "message";
  return event === "message" && text === ""
    ? await converse(line)
    : await send(line, makeEvent(event, text));
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        event: { type: "string" },
        conversation: { type: "string" },
        url: { type: "string" },
        secret: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`${explain(error)}\n\n${USAGE}`);
  }
}

async function findServer(
  given: { url?: string; secret?: string },
): Promise<{ url: string; secret: string }> {
  const { env, sources } = await readEnvironment(Deno.env.toObject());
  const config = readConfig(env, sources);
  const secret = given.secret ?? config.webhookSecrets[0] ??
    await readKeptSecret(config.dataDir);
  if (secret === undefined) {
    throw new UsageError(
      "No webhook secret: start the server first (deno task start), or give --secret",
    );
  }
  const text = given.url ?? `http://127.0.0.1:${config.port}`;
  if (!URL.canParse(text)) throw new UsageError(`--url "${text}": not a URL`);
  const url = new URL(text);
  if (url.pathname === "/") url.pathname = "/agent";
  return { url: url.href, secret };
}

function makeEvent(event: string, text: string): Record<string, unknown> {
  const turn_id = newId("turn");
  switch (event) {
    case "message":
      return { type: event, turn_id, text };
    case "session.start":
      return { type: event, turn_id };
    case "data":
      return { type: event, turn_id, data: parseData(text) };
    case "session.update":
      return { type: event, recording_status: "completed" };
    case "session.end":
      return { type: event, duration: null, transcript: [] };
    default:
      return { type: event, turn_id, text };
  }
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text || "{}");
  } catch {
    throw new UsageError(`--event data: the text must be JSON, not ${text}`);
  }
}

/** One turn after another, welcome first. */
async function converse(line: Line): Promise<boolean> {
  let fine = await send(line, makeEvent("session.start", ""));
  if (!fine) return false;
  print("> ");
  for await (const text of createInterface({ input: stdin })) {
    if (text.trim() !== "") {
      fine = await send(line, makeEvent("message", text.trim())) && fine;
    }
    print("> ");
  }
  print("\n");
  return fine;
}

/** Sends one event and prints the answer as it comes. */
async function send(
  line: Line,
  fields: Record<string, unknown>,
): Promise<boolean> {
  const started = performance.now();
  const event = {
    session_id: line.sessionId,
    conversation_id: line.conversationId,
    ...fields,
  };
  const response = await sendEvent(event, line).catch((error) => {
    throw new UsageError(
      `Cannot reach ${line.url}: ${
        explain(error)
      }\nIs the server running? deno task start`,
    );
  });
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream")) {
    print(`${(await response.text()).trim()}\n`);
    return response.ok;
  }
  let firstWord: number | undefined;
  let ended = false;
  for await (const { type, content } of readAnswer(response)) {
    if (type === "response.tts") {
      firstWord ??= performance.now() - started;
      print(String(content));
    } else if (type === "response.data") {
      print(`\n[data] ${JSON.stringify(content)}\n`);
    } else if (type === "response.end") ended = true;
  }
  const total = performance.now() - started;
  const times = [
    firstWord === undefined ? "no words" : `first word ${toMs(firstWord)}`,
    `total ${toMs(total)}`,
    `conversation ${line.conversationId}`,
  ];
  print(`\n${dim(`(${times.join(", ")})`)}\n`);
  if (!ended) printError("The answer broke off: no response.end came");
  return ended;
}

function toMs(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function dim(text: string): string {
  return Deno.stdout.isTerminal() && !Deno.noColor
    ? `\x1b[2m${text}\x1b[0m`
    : text;
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args) ? 0 : 1);
  } catch (error) {
    const known = error instanceof UsageError || error instanceof ConfigError;
    printError(known ? error.message : explain(error));
    Deno.exit(1);
  }
}
