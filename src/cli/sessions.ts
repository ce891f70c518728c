/**
 * `deno task sessions`: shows and deletes stored conversations. It reads the store
 * itself, and needs no server.
 *
 * @module
 */
import { createLog } from "../server/log.ts";
import {
  type SessionDocument,
  toDocument,
  toRecordings,
  type TurnDocument,
} from "../sessions/document.ts";
import { createStore, MAX_SHARE, toCutoff } from "../sessions/mod.ts";
import type { Session } from "../sessions/session.ts";
import { PAGE_SIZE, type SessionStore } from "../sessions/store.ts";
import { loadConfig } from "../settings/config.ts";
import { toEnding, toFigures } from "../web/figures.js";
import { oneLine, print, printError, printJson, run } from "./_terminal.ts";

const USAGE = `The conversations that Parley has stored.

  deno task sessions list         the newest first; --limit N (default ${PAGE_SIZE})
  deno task sessions show ID      what was said, with timings
  deno task sessions export ID    one JSON document
  deno task sessions delete ID    deletes it, and names its recordings
  deno task sessions sweep        deletes those older than SESSION_TTL_DAYS, at
                                  most a tenth of all; --force: all of them
`;

/** A limit, in megabytes, that no conversation reaches. */
const ALL_MB = 1_000_000;

const OPTIONS = {
  limit: { type: "string" },
  force: { type: "boolean" },
} as const;

async function main(
  { limit, force }: { limit?: string; force?: boolean },
  [command = "", id, ...rest]: readonly string[],
): Promise<boolean> {
  const takesNoId = command === "list" || command === "sweep";
  if (rest.length > 0 || (takesNoId && id !== undefined)) {
    throw new TypeError("Too many words");
  }
  const config = await loadConfig(Deno.env);
  const log = createLog({ level: "warn", format: "pretty" });
  // An export is never truncated.
  const store = createStore({ ...config, maxSessionMb: ALL_MB }, log);
  switch (command) {
    case "list":
      await list(store, limit);
      break;
    case "show":
      print(toText(toDocument(await load(store, id))));
      break;
    case "export":
      printJson(toDocument(await load(store, id)), 2);
      break;
    case "delete":
      await remove(store, await load(store, id));
      break;
    case "sweep": {
      const { sessionTtlDays: days } = config;
      if (days === 0) {
        throw new Error(
          "SESSION_TTL_DAYS is not set: conversations are kept forever",
        );
      }
      const cutoff = toCutoff(days, Date.now());
      const count = await store.sweep(cutoff, force ? 1 : MAX_SHARE);
      print(`Deleted ${count}\n`);
      break;
    }
    default:
      throw new TypeError(
        command ? `Unknown command "${command}"` : "Which command?",
      );
  }
  return true;
}

async function list(
  store: SessionStore,
  text = `${PAGE_SIZE}`,
): Promise<void> {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new TypeError(`--limit ${text}: must be a whole number from 1`);
  }
  const { sessions, cursor } = await store.list({ limit });
  for (const { id, at, preview = "" } of sessions) {
    const line = `${toTime(at)}  ${oneLine(id)}  ${oneLine(preview)}`;
    print(`${line.trimEnd()}\n`);
  }
  if (sessions.length === 0) printError("No conversation is stored yet");
  if (cursor !== undefined) printError("… and more: --limit N shows N of them");
}

async function load(
  store: SessionStore,
  id: string | undefined,
): Promise<Session> {
  if (!id) {
    throw new Error("Which one? deno task sessions list shows their ids");
  }
  const session = await store.load(id);
  if (session.isEmpty) throw new Error(`There is no conversation "${id}"`);
  return session;
}

async function remove(store: SessionStore, session: Session): Promise<void> {
  const recordings = toRecordings(session);
  await store.delete(session.id);
  print(`Deleted ${session.id}\n`);
  if (recordings.length === 0) return;
  print("Its recordings are stored elsewhere; delete them there:\n");
  for (const url of recordings) print(`  ${oneLine(url)}\n`);
}

function toText({ id, turns, memories }: SessionDocument): string {
  const kept = memories.map((text) => `\n  ${oneLine(text)}`).join("");
  return [
    `Conversation ${oneLine(id)}`,
    ...turns.map(toParagraph),
    ...(kept === "" ? [] : [`Remembers:${kept}`]),
    "",
  ].join("\n\n");
}

function toParagraph(turn: TurnDocument): string {
  const caption = [turn.status, ...toFigures(turn), ...toEnding(turn)];
  const lines = [`${toTime(turn.at)}  ${oneLine(caption.join(", "))}`];
  if (turn.user !== undefined) lines.push(`  Caller: ${indent(turn.user)}`);
  for (const { name, arguments: given, result } of turn.tool_calls ?? []) {
    const outcome = result === undefined ? "" : ` → ${JSON.stringify(result)}`;
    lines.push(
      `  Tool:   ${oneLine(name)}(${JSON.stringify(given)})${outcome}`,
    );
  }
  if (turn.assistant !== "") lines.push(`  Agent:  ${indent(turn.assistant)}`);
  if (turn.heard !== undefined) lines.push(`  Heard:  ${indent(turn.heard)}`);
  return lines.join("\n");
}

/** Indents all lines of a text but the first, so that none looks like another speaker's. */
function indent(text: string): string {
  return text.replaceAll("\n", "\n          ");
}

function toTime(iso: string): string {
  return iso.replace("T", " ").slice(0, 19);
}

if (import.meta.main) await run(USAGE, OPTIONS, main);
