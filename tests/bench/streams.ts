/**
 * A thousand answers at once, all begun in the same moment, on one model of
 * 150 ms and then 50 ms a token: the wait for the first word, and the memory
 * that a stream takes, beside the bare relay's. Both are started anew for each
 * of the three rounds, since memory that was once taken stays taken.
 *
 * @module
 */
import { print } from "./_print.ts";
import { type Child, whyNoUsage } from "./_child.ts";
import { type Stage, startServers, startStage } from "./_servers.ts";
import { compare, type Figure, percentile } from "./_table.ts";

const STREAMS = 1_000;
const COUNT = STREAMS.toLocaleString("en");
const ROUNDS = 3;
/** A server holds two connections a stream. */
const DESCRIPTORS = 2 * STREAMS + 200;

/** What one server took in one round. */
interface Round {
  p50: number;
  p99: number;
  /** The most that was held at once, by stream. */
  memoryKb: number;
}

/** Runs it. */
export async function benchStreams(): Promise<Figure[]> {
  const allowed = await maxDescriptors();
  if (allowed < DESCRIPTORS) {
    print(
      `  a process may open ${allowed} files here, and ${STREAMS} streams need ` +
        `${DESCRIPTORS} (ulimit -Hn): left out`,
    );
    return [];
  }
  await using stage = await startStage();
  const parley: Round[] = [];
  const relay: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    print(`  round ${round + 1} …`);
    await using servers = await startServers("ollama", stage);
    parley.push(await measure(servers.parley, stage));
    relay.push(await measure(servers.relay, stage));
  }
  const pair = (key: keyof Round) => ({
    value: parley.map((round) => round[key]),
    other: relay.map((round) => round[key]),
  });
  const figures = [
    compare(`First word, ${COUNT} streams, p50`, pair("p50"), { ratio: 1.3 }),
    compare(`First word, ${COUNT} streams, p99`, pair("p99"), { ratio: 1.3 }),
  ];
  if (whyNoUsage === undefined) {
    const kb = (value: number) => `${value.toFixed(0)} KB`;
    const what = `Memory a stream, ${COUNT} streams`;
    figures.push(compare(what, pair("memoryKb"), { ratio: 1.2 }, kb));
  }
  return figures.map((figure) => ({ ...figure, isBesideRelay: true }));
}

async function measure(server: Child, stage: Stage): Promise<Round> {
  await stage.setPace(0, 0);
  await stage.talk(server, { name: "warm-up", callers: 16, turns: 10 });
  await stage.setPace(150, 50);
  const look = () => whyNoUsage ? NaN : server.memoryKb();
  let most = look();
  const looking = setInterval(() => most = Math.max(most, look()), 50);
  try {
    const job = { name: "crowd", callers: STREAMS, turns: 1 };
    const { firstMs } = await stage.talk(server, job);
    return {
      p50: percentile(firstMs, 0.5),
      p99: percentile(firstMs, 0.99),
      memoryKb: most / STREAMS,
    };
  } finally {
    clearInterval(looking);
  }
}

/** How many files and connections a process may have here. */
async function maxDescriptors(): Promise<number> {
  if (Deno.build.os === "windows") return Infinity;
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", "ulimit -Hn"],
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}
