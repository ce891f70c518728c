/**
 * `deno task sessions`: what was said, read from the store itself; needs no
 * server.
 *
 * @module
 */
import { loadConfig } from "../settings/config.ts";
import { createLog, printError } from "../server/log.ts";
import {
  type SessionDocument,
  toDocument,
  toRecordings,
  type TurnDocument,
} from "../sessions/document.ts";
import { createStore, MAX_SHARE, toOldest } from "../sessions/mod.ts";
import type { Session } from "../sessions/session.ts";
import { PAGE_SIZE, type SessionStore } from "../sessions/store.ts";
import { toEnding, toFigures } from "../web/figures.js";
import {
  oneLine,
  print,
  printable,
  printableJson,
  readArguments,
  run,
  UsageError,
} from "./_terminal.ts";

const USAGE = `The conversations that Parley keeps.

  deno task sessions list         the newest first; --limit N (default ${PAGE_SIZE})
  deno task sessions show ID      what was said, with timings
  deno task sessions export ID    one JSON document
  deno task sessions delete ID    forgets it
  deno task sessions sweep        forgets those older than SESSION_TTL_DAYS, a
                                  tenth of all at most; --force: every one
`;

/** More than a conversation can have. */
const ALL_MB = 1_000_000;

const OPTIONS = {
  limit: { type: "string" },
  force: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(args: string[]): Promise<boolean> {
  const { values, positionals } = readArguments(args, OPTIONS, USAGE);
  const [command, id, ...rest] = positionals;
  if (values.help || command === undefined) {
    print(USAGE);
    return values.help ?? false;
  }
  const config = await loadConfig(Deno.env);
  const log = createLog({ level: "warn", format: "pretty" });
  // An export is whole.
  const store = createStore({ ...config, maxSessionMb: ALL_MB }, log);
  if (rest.length > 0) throw new UsageError(`Too many words\n\n${USAGE}`);
  switch (command) {
    case "list":
      await list(store, toLimit(values.limit));
      break;
    case "show":
      print(toText(await find(store, id)));
      break;
    case "export":
      print(`${printableJson(await find(store, id), 2)}\n`);
      break;
    case "delete":
      await forget(store, needId(id));
      break;
    case "sweep": {
      const { sessionTtlDays: days } = config;
      if (days === 0) throw new UsageError("SESSION_TTL_DAYS is not set");
      const oldest = toOldest(days, Date.now());
      const count = await store.sweep(oldest, values.force ? 1 : MAX_SHARE);
      print(`Deleted ${count}\n`);
      break;
    }
    default:
      throw new UsageError(`Unknown command "${command}"\n\n${USAGE}`);
  }
  return true;
}

function toLimit(text = `${PAGE_SIZE}`): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new UsageError(`--limit ${text}: must be a whole number from 1`);
}

async function list(store: SessionStore, limit: number): Promise<void> {
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await store.list({
      limit: Math.min(left, PAGE_SIZE),
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { id, at } of page.sessions) {
      print(`${toTime(at)}  ${oneLine(id)}\n`);
    }
    left -= page.sessions.length;
    cursor = page.cursor;
  } while (cursor !== undefined && left > 0);
  if (left === limit) printError("No conversation is kept yet");
  else if (cursor !== undefined) {
    printError("… and more: --limit N shows N of them");
  }
}

async function find(
  store: SessionStore,
  id: string | undefined,
): Promise<SessionDocument> {
  return toDocument(await load(store, needId(id)));
}

async function load(store: SessionStore, id: string): Promise<Session> {
  const session = await store.load(id);
  if (session.isEmpty) throw unknown(id);
  return session;
}

async function forget(store: SessionStore, id: string): Promise<void> {
  const recordings = toRecordings(await load(store, id));
  if (!await store.delete(id)) throw unknown(id);
  print(`Deleted ${printable(id)}\n`);
  if (recordings.length === 0) return;
  print("Its recordings are kept elsewhere, delete them there:\n");
  for (const url of recordings) print(`  ${oneLine(url)}\n`);
}

function needId(id: string | undefined): string {
  if (id) return id;
  throw new UsageError("Which one? deno task sessions list shows their ids");
}

function unknown(id: string): UsageError {
  return new UsageError(`There is no conversation "${id}"`);
}

/** A conversation for reading. */
function toText({ id, turns, memories }: SessionDocument): string {
  return [
    `Conversation ${oneLine(id)}`,
    ...turns.map(toParagraph),
    ...(memories.length > 0
      ? [
        ["Keeps in mind:", ...memories.map((text) => `  ${oneLine(text)}`)]
          .join("\n"),
      ]
      : []),
    "",
  ].join("\n\n");
}

function toParagraph(turn: TurnDocument): string {
  const caption = [turn.status, ...toFigures(turn), ...toEnding(turn)];
  const lines = [`${toTime(turn.at)}  ${oneLine(caption.join(", "))}`];
  if (turn.user !== undefined) lines.push(`  Caller: ${indent(turn.user)}`);
  for (const { name, arguments: given, result } of turn.tool_calls ?? []) {
    const outcome = result === undefined ? "" : ` → ${printableJson(result)}`;
    lines.push(`  Tool:   ${oneLine(name)}(${printableJson(given)})${outcome}`);
  }
  if (turn.assistant !== "") lines.push(`  Agent:  ${indent(turn.assistant)}`);
  if (turn.heard !== undefined) lines.push(`  Heard:  ${indent(turn.heard)}`);
  return lines.join("\n");
}

/** Words of several lines, none of which passes for another's. */
function indent(text: string): string {
  return printable(text).replaceAll("\n", "\n          ");
}

function toTime(iso: string): string {
  return iso.replace("T", " ").slice(0, 19);
}

if (import.meta.main) await run(main);
