/**
 * Runs many turns, many at once, some with a fault. Measures the process once it
 * is warm and at the end, to find leaks.
 *
 * @module
 */
import { createFileStore } from "../../src/sessions/file.ts";
import { type Child, startChild } from "../bench/_child.ts";
import { SECRET } from "../fakes/layercode.ts";
import { inspect, type Inspector } from "../fakes/inspector.ts";
import { freePort } from "../fakes/ports.ts";
import { descriptorsOf, memoryMbOf } from "../fakes/process.ts";
import { type RealServer, startServer } from "../fakes/server.ts";
import { findLost, talk, type Turn } from "./_turns.ts";

/** The size of a run. */
export interface SoakOptions {
  turns: number;
  /** After how many of them the process counts as warm. */
  warm: number;
  /** How many callers talk at once. */
  callers: number;
}

/** The result of a run. */
export interface SoakReport {
  /** Descriptions of what is wrong; empty if all is well. */
  faults: string[];
  /** The figures to print. */
  figures: string[];
}

/** The resources that a process uses. */
interface ResourceUsage {
  heapMb: number;
  memoryMb: number;
  descriptors: number;
  sockets: number;
  timers: number;
}

/** How much each may grow: a file may be open, and memory always varies a little. */
const MAX_GROWTH: ResourceUsage = {
  heapMb: 4,
  memoryMb: 40,
  descriptors: 5,
  sockets: 3,
  timers: 3,
};

/** Runs the soak. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { turns, warm, callers } = options;
  await using model = await startChild({
    program: "tests/soak/programs/model.ts",
  });
  const inspectPort = freePort();
  await using server = await start(model.url, inspectPort);
  const done: Turn[] = [];
  let before: ResourceUsage;
  let after: ResourceUsage;
  let mostTimers: number;
  const startedAt = performance.now();
  {
    await using inspector = await inspect(inspectPort);
    await run(server, { from: 0, to: warm, callers }, done);
    before = await look(server, model, inspector);
    const rest = run(server, { from: warm, to: turns, callers }, done);
    mostTimers = await watchTimers(inspector, rest);
    after = await look(server, model, inspector);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await server.stop("SIGTERM");
  const store = createFileStore({ folder: `${server.folder}/data/sessions` });
  const lost = await findLost(done, store);
  await store.close();
  const wrong = done.flatMap(({ id, wrong }) =>
    wrong ? [`${id}: ${wrong}`] : []
  );
  const unhandled = server.lines.filter(({ event }) =>
    event === "code.unhandled_error" || event === "request.failed"
  );
  return {
    faults: [
      ...wrong.slice(0, 10),
      ...lost.slice(0, 10).map((turn) => `Lost: ${turn}`),
      ...unhandled.slice(0, 10).map((line) => JSON.stringify(line)),
      ...findGrown(before, after),
      // Turns set timers: if none was seen, counting them failed.
      ...mostTimers > 0 ? [] : ["No timer was seen, ever"],
    ],
    figures: [
      `${done.length} turns by ${callers} callers in ${seconds.toFixed(0)} s, ${
        done.filter(({ fault }) => fault !== undefined).length
      } with a fault; ${wrong.length} wrong, ${lost.length} lost`,
      `after ${warm} turns: ${show(before)}`,
      `after ${turns} turns: ${show(after)}`,
      `timers meanwhile: ${mostTimers} at most`,
      toOverhead(done),
    ],
  };
}

function start(modelUrl: string, inspectPort: number): Promise<RealServer> {
  return startServer({
    flags: [
      ...["--allow-net", "--allow-env", "--allow-read", "--allow-write=./data"],
      `--inspect=127.0.0.1:${inspectPort}`,
    ],
    env: {
      HOST: "127.0.0.1",
      LAYERCODE_WEBHOOK_SECRET: SECRET,
      LLM_PROVIDER: "ollama",
      OLLAMA_HOST: modelUrl,
      OLLAMA_MODEL: "soak",
      FIRST_TOKEN_TIMEOUT_MS: "5000",
      STALL_TIMEOUT_MS: "2000",
      FILLER_AFTER_MS: "0",
      // Small, so that the cache is full before the first measurement.
      CACHE_MB: "1",
    },
  });
}

/** Runs all callers until the turns are used up. */
async function run(
  { url }: RealServer,
  { from, to, callers }: { from: number; to: number; callers: number },
  done: Turn[],
): Promise<void> {
  using client = Deno.createHttpClient({});
  const target = { url: `${url}/agent`, secret: SECRET, client };
  let next = from;
  async function call(_: unknown, caller: number): Promise<void> {
    // No caller can have had more turns than `from`, so that the second run begins
    // new conversations.
    let before = from;
    while (next < to) {
      done.push(await talk(target, { n: next++, caller, before: before++ }));
    }
  }
  await Promise.all(Array.from({ length: callers }, call));
}

/** Counts timers twice a second until the run is done. Returns the highest count. */
async function watchTimers(
  inspector: Inspector,
  work: Promise<void>,
): Promise<number> {
  let most = 0;
  let isDone = false;
  const done = work.finally(() => isDone = true);
  while (!isDone) {
    most = Math.max(most, await inspector.timers());
    await Promise.race([done, new Promise((go) => setTimeout(go, 500))]);
  }
  await done;
  return most;
}

/** Measures the process when no turn is under way and no client is connected. */
async function look(
  { pid, lines }: RealServer,
  model: Child,
  inspector: Inspector,
): Promise<ResourceUsage> {
  await model.ask({});
  // A turn's last record is written after its last word, and a connection closes
  // some time after the other side has closed it.
  const count = () =>
    `${descriptorsOf(pid).length} ${
      lines.filter(({ event }) => event === "turn.end").length
    }`;
  for (let seen = ""; seen !== count();) {
    seen = count();
    await new Promise((go) => setTimeout(go, 1_500));
  }
  const heapMb = await inspector.heapMb();
  const open = descriptorsOf(pid);
  return {
    heapMb,
    memoryMb: memoryMbOf(pid),
    descriptors: open.length,
    sockets: open.filter((name) => name.startsWith("socket:")).length,
    timers: await inspector.timers(),
  };
}

function findGrown(before: ResourceUsage, after: ResourceUsage): string[] {
  const names = Object.keys(MAX_GROWTH) as (keyof ResourceUsage)[];
  return names.filter((name) => after[name] - before[name] > MAX_GROWTH[name])
    .map((name) => `${name} grew from ${before[name]} to ${after[name]}`);
}

function show(usage: ResourceUsage): string {
  const { heapMb, memoryMb, descriptors, sockets, timers } = usage;
  return `heap ${heapMb.toFixed(1)} MB, memory ${memoryMb} MB, ` +
    `${descriptors} descriptors (${sockets} sockets), ${timers} timers`;
}

function toOverhead(done: readonly Turn[]): string {
  const sorted = done.flatMap(({ overheadMs }) => overheadMs ?? [])
    .sort((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.floor(share * (sorted.length - 1))]?.toFixed(1);
  return `first word, beyond the model's own time: p50 ${at(0.5)} ms, p99 ${
    at(0.99)
  } ms`;
}
