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
import { createFileStore } from "../src/sessions/file.ts";
import { createPostgresStore } from "../src/sessions/postgres.ts";
import type { SessionStore } from "../src/sessions/store.ts";
import { startChild } from "./bench/_child.ts";
import { startParley } from "./bench/_servers.ts";
import { talk, toSpeech, type Turn } from "./_crash_caller.ts";
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
  open: (onBadRecord: () => void) => SessionStore;
  /** How long before a kill a word must have come to be promised. */
  promisedMs: number;
  /** The model's pace. */
  pace: { firstMs: number; tokenMs: number };
  /** How many words a caller hears from one server at most, as a mean. */
  heardWords: number;
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

/** Conversations go on over this many kills, and then new ones begin. */
const KILLS_A_CONVERSATION = 8;

/** Runs it. */
export async function crash(options: CrashOptions): Promise<CrashReport> {
  const { kills, callers, folder, env, pace, heardWords, onKill } = options;
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
    // Counted in words and not in time, so that a slow machine cuts off no less.
    let left = Math.random() * callers * heardWords;
    const enough = Promise.withResolvers<void>();
    const onWord = () => left-- < 1 && enough.resolve();
    const talks = Array.from({ length: callers }, async (_, n) => {
      const conversation = `crash-${generation}-${n}`;
      while (true) {
        const id = `turn-${started++}`;
        const said = `This is what was said in ${id}`;
        const turn = { conversation, id, said, raw: "", reads: [] };
        turns.push(turn);
        if (!await talk(server.url, turn, onWord)) return;
      }
    });
    const ended = Promise.all(talks);
    await Promise.race([enough.promise, ended]);
    await sleep(Math.random() * 20);
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
      open: (onBadRecord) =>
        createFileStore({ folder: `${folder}/data/sessions`, onBadRecord }),
      promisedMs: 0,
      pace: { firstMs: 5, tokenMs: 3 },
      heardWords: 80,
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
      heardWords: 80,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
