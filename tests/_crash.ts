/**
 * Kills the real server with SIGKILL, again and again, in the midst of its
 * callers' turns, and looks whether what it had promised is there afterwards:
 *
 * - what a caller said, once the webhook was answered with 200;
 * - what the agent said, as far as it had come out of the socket: on files every
 *   word, in a far store every word that had come long enough before the kill;
 * - every line of every file can be read.
 *
 * @module
 */
import { sign } from "../src/layercode/verify.ts";
import { createFileStore } from "../src/sessions/file.ts";
import { createPostgresStore } from "../src/sessions/postgres.ts";
import type { SessionStore } from "../src/sessions/store.ts";
import { type Child, startChild } from "./bench/_child.ts";
import { SECRET } from "./bench/_load.ts";
import { startParley } from "./bench/_servers.ts";
import { FIRST } from "./bench/_words.ts";
import { startPostgres } from "./fakes/postgres.ts";

/** How much of it. */
export interface CrashAmount {
  kills: number;
  /** How many conversations are under way at once. */
  callers: number;
  /** Told the number of kills so far. */
  onKill?: (kills: number) => void;
}

/** What to do, and where. */
export interface CrashOptions extends CrashAmount {
  /** Where the server keeps its data. */
  folder: string;
  /** Settings of the server besides the usual. */
  env?: Record<string, string>;
  /** Opens the server's store to see what is there; told of lines that can't be read. */
  open: (onBadLine: () => void) => SessionStore;
  /** How long before a kill a word must have come to be promised. */
  promisedMs: number;
  /** The model's pace. */
  pace: { firstMs: number; tokenMs: number };
  /** How long the server lives at most once the first word is out. */
  livesMs: number;
}

/** What was found. */
export interface CrashReport {
  kills: number;
  /** Turns that were answered with 200. */
  turns: number;
  /** Turns of them that were cut off by a kill. */
  cut: number;
  /** Words that the callers heard and that were promised. */
  words: number;
  /** What was promised and isn't there, in words; and lines that can't be read. */
  lost: string[];
}

/** One turn, as its caller knows it. */
interface Turn {
  conversation: string;
  id: string;
  said: string;
  /** What came from the socket, and how much of it had come when. */
  raw: string;
  reads: { at: number; length: number }[];
}

/** Conversations go on over this many kills, and then new ones begin. */
const KILLS_A_CONVERSATION = 8;

/** Runs it. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const { kills, callers, folder, env, pace, livesMs, onKill } = options;
  const report: CrashReport = {
    kills: 0,
    turns: 0,
    cut: 0,
    words: 0,
    lost: [],
  };
  await using model = await startChild({
    program: "tests/bench/programs/model.ts",
  });
  await model.ask(pace);
  let started = 0;
  while (report.kills < kills) {
    await using server = await startParley("ollama", model, folder, env);
    const generation = Math.floor(report.kills / KILLS_A_CONVERSATION);
    const turns: Turn[] = [];
    const begun = Promise.withResolvers<void>();
    const talks = Array.from({ length: callers }, async (_, n) => {
      const conversation = `crash-${generation}-${n}`;
      while (true) {
        const id = `turn-${started++}`;
        const said = `This is what was said in ${id}`;
        const turn = { conversation, id, said, raw: "", reads: [] };
        turns.push(turn);
        if (!await talk(server, turn, begun.resolve)) return;
      }
    });
    const ended = Promise.all(talks);
    await Promise.race([begun.promise, ended]);
    await sleep(Math.random() * livesMs);
    const killedAt = performance.now();
    await server.kill();
    await ended;
    report.kills++;
    await check(options, turns, killedAt, report);
    onKill?.(report.kills);
  }
  return report;
}

/** On files, where every word is kept before it is sent. */
export async function crashOnFiles(amount: CrashAmount): Promise<CrashReport> {
  const folder = await Deno.makeTempDir({ prefix: "parley-crash-" });
  try {
    return await crash({
      ...amount,
      folder,
      open: (onBadLine) =>
        createFileStore({ folder: `${folder}/data/sessions`, onBadLine }),
      promisedMs: 0,
      pace: { firstMs: 5, tokenMs: 3 },
      livesMs: 250,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** On Postgres, which may be 250 ms behind the caller's ear. */
export async function crashOnPostgres(
  amount: CrashAmount,
): Promise<CrashReport> {
  const folder = await Deno.makeTempDir({ prefix: "parley-crash-" });
  try {
    await using postgres = await startPostgres();
    return await crash({
      ...amount,
      folder,
      env: { SESSION_STORE: postgres.url },
      open: () => createPostgresStore({ url: postgres.url }),
      promisedMs: 250,
      pace: { firstMs: 20, tokenMs: 20 },
      livesMs: 1_500,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has a turn on a connection of its own; whether it was answered to its end. */
async function talk(
  server: Child,
  turn: Turn,
  onWord: () => void,
): Promise<boolean> {
  const { port, hostname } = new URL(server.url);
  try {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await writeAll(connection, toRequest(turn));
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(16_384);
    while (true) {
      const read = await connection.read(buffer);
      if (read === null) return false;
      turn.raw += decoder.decode(buffer.subarray(0, read));
      turn.reads.push({ at: performance.now(), length: turn.raw.length });
      if (!turn.raw.startsWith("HTTP/1.1 200".slice(0, turn.raw.length))) {
        throw new Error(`Refused: ${turn.raw.slice(0, 400)}`);
      }
      if (turn.raw.includes(FIRST)) onWord();
      if (turn.raw.endsWith("\r\n0\r\n\r\n")) return true;
    }
  } catch (error) {
    const isDead = error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (isDead) return false;
    throw error;
  }
}

function toRequest({ conversation, id, said }: Turn): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify({
    type: "message",
    conversation_id: conversation,
    session_id: "session",
    turn_id: id,
    text: said,
  }));
  const head = new TextEncoder().encode(
    "POST /agent HTTP/1.1\r\nhost: 127.0.0.1\r\n" +
      "content-type: application/json\r\n" +
      `content-length: ${body.length}\r\n` +
      `layercode-signature: ${sign(body, SECRET, Date.now() / 1000)}\r\n\r\n`,
  );
  return new Uint8Array([...head, ...body]);
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await to.write(bytes.subarray(written));
  }
}

/** Looks for all that was promised in these turns. */
async function check(
  { open, promisedMs }: CrashOptions,
  turns: readonly Turn[],
  killedAt: number,
  report: CrashReport,
): Promise<void> {
  const store = open(() => report.lost.push("a line that can't be read"));
  try {
    for (const { conversation, id, said, raw, reads } of turns) {
      // Where no answer has come, nothing was promised.
      if (raw === "") continue;
      report.turns++;
      const until = reads.findLast(({ at }) => at <= killedAt - promisedMs);
      const isWhole = raw.endsWith("\r\n0\r\n\r\n");
      if (!isWhole) report.cut++;
      // The end of a turn is kept before it is told, wherever that is.
      const came = isWhole || promisedMs === 0 ? raw.length : until?.length;
      const heard = toSpeech(raw.slice(0, came ?? 0));
      report.words += heard.split(" ").length;
      const kept = (await store.load(conversation)).turn(id);
      if (kept?.user !== said) {
        report.lost.push(`${id}: the caller's words`);
      } else if (!kept.assistant.startsWith(heard)) {
        report.lost.push(`${id}: "${heard}" is kept as "${kept.assistant}"`);
      }
    }
  } finally {
    await store.close();
  }
}

/** What an answer says, as far as it came. */
function toSpeech(raw: string): string {
  const body = raw.slice(raw.indexOf("\r\n\r\n") + 4);
  const events = dechunk(body).split("\n\n").slice(0, -1);
  return events.map((event) => {
    const { type, content } = JSON.parse(event.slice("data: ".length));
    return type === "response.tts" ? content : "";
  }).join("").trimEnd();
}

/** The body that is in HTTP's chunks; the last may be cut. */
function dechunk(body: string): string {
  let text = "";
  let at = 0;
  while (at < body.length) {
    const start = body.indexOf("\r\n", at);
    if (start < 0) break;
    const length = Number.parseInt(body.slice(at, start), 16);
    text += body.slice(start + 2, start + 2 + length);
    at = start + 2 + length + 2;
  }
  return text;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
