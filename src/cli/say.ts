/**
 * `deno task say`: talks to a running server from the terminal, signed as
 * Layercode signs, and shows how long its words take.
 *
 * @module
 */
import { stdin } from "node:process";
import { createInterface } from "node:readline";
import { loadConfig } from "../settings/config.ts";
import { readStart, shown } from "./doctor/net.ts";
import { findRedirect } from "./doctor/tunnel.ts";
import { newId, sendEvent } from "../platforms/layercode/client.ts";
import { explain, printError } from "../server/log.ts";
import { readKeptSecret } from "../settings/secret.ts";
import { createPatience, follow, type Outcome, toCaption } from "./_outcome.ts";
import {
  dim,
  oneLine,
  print,
  printable,
  printableJson,
  readArguments,
  run,
  UsageError,
} from "./_terminal.ts";

const USAGE = `Talks to a running Parley, as Layercode would.

  deno task say "Hello"      one turn
  deno task say              a conversation, until Ctrl+D

  --event NAME         message (default), session.start, data, session.update,
                       session.end; a text is the JSON of "data"
  --conversation ID    goes on with a conversation
  --url URL            the server (default: this machine, PORT)
  --secret SECRET      the webhook secret (default: from the settings)
  --json               one JSON object a turn, for programs
`;

const OPTIONS = {
  event: { type: "string" },
  conversation: { type: "string" },
  url: { type: "string" },
  secret: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** What one run talks to. */
interface Line {
  url: string;
  secret: string;
  conversationId: string;
  sessionId: string;
  /** Whether a program reads the output. */
  json: boolean;
}

async function main(args: string[]): Promise<boolean> {
  const { values, positionals } = readArguments(args, OPTIONS, USAGE);
  if (values.help) {
    print(USAGE);
    return true;
  }
  const line: Line = {
    ...await findServer(values),
    conversationId: values.conversation ?? newId("conv"),
    sessionId: newId("sess"),
    json: values.json ?? false,
  };
  const text = positionals.join(" ");
  const event = values.event ?? "message";
  if (event === "message" && positionals.length === 0) {
    return await converse(line);
  }
  if (event === "message" && text.trim() === "") {
    throw new UsageError("There are no words in the text");
  }
  return await send(line, makeEvent(event, text));
}

async function findServer(
  given: { url?: string; secret?: string },
): Promise<{ url: string; secret: string }> {
  const config = await loadConfig(Deno.env);
  const secret = given.secret ?? config.webhookSecrets[0] ??
    await readKeptSecret(config.dataDir);
  if (secret === undefined) {
    throw new UsageError(
      "No webhook secret: start the server first (deno task start), or give --secret",
    );
  }
  const text = given.url ?? `http://127.0.0.1:${config.port}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `--url "${text}": not a URL that begins with http:// or https://`,
    );
  }
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
  const prompt = line.json || !Deno.stdin.isTerminal() ? "" : "> ";
  let fine = await send(line, makeEvent("session.start", ""));
  if (!fine) return false;
  print(prompt);
  for await (const text of createInterface({ input: stdin })) {
    if (text.trim() !== "") {
      fine = await send(line, makeEvent("message", text.trim())) && fine;
    }
    print(prompt);
  }
  if (!line.json) print("\n");
  return fine;
}

/**
 * Sends one event and prints the answer as it comes.
 *
 * @returns whether it was answered whole
 */
async function send(
  line: Line,
  fields: Record<string, unknown>,
): Promise<boolean> {
  const startedAt = performance.now();
  const event = {
    session_id: line.sessionId,
    conversation_id: line.conversationId,
    ...fields,
  };
  using patience = createPatience();
  const client = { ...line, withDetails: true };
  const response = await sendEvent(event, client, patience.signal)
    .catch((error) => {
      throw new UsageError(
        `Cannot reach ${shown(line.url)}: ${
          explain(error)
        }\nIs the server running? deno task start`,
      );
    });
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream")) {
    return await printPlain(response, line.url);
  }
  const outcome: Outcome = {
    conversation_id: line.conversationId,
    turn_id: String(fields.turn_id),
    text: "",
    data: [],
    total_ms: 0,
    status: "broken",
  };
  const show = line.json ? () => {} : print;
  const error = await follow(response, outcome, { startedAt, patience, show });
  if (line.json) print(`${printableJson(outcome)}\n`);
  else print(`\n${dim(`(${toCaption(outcome)})`)}\n`);
  if (outcome.status === "broken") {
    const why = error === undefined ? "no response.end came" : explain(error);
    printError(`The answer broke off: ${oneLine(why)}`);
  }
  return outcome.status === "complete";
}

/** Prints what isn't a stream: Parley's JSON, or whatever else answers there. */
async function printPlain(response: Response, url: string): Promise<boolean> {
  const { status, headers, ok } = response;
  const text = printable((await readStart(response)).trim());
  const redirect = findRedirect({ status, headers, text }, new URL(url));
  if (redirect) {
    printError(`${oneLine(redirect.detail)}. Give --url that address`);
    return false;
  }
  const isJson = /^application\/json\b/.test(headers.get("content-type") ?? "");
  if (isJson) print(`${text}\n`);
  else {
    printError(
      `${
        shown(url)
      } is not Parley's webhook: it answered with status ${status}${
        text && `: ${oneLine(text).slice(0, 300)}`
      }`,
    );
  }
  return ok && isJson;
}

if (import.meta.main) await run(main);
