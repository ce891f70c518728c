/**
 * Measures a thousand concurrent answers that begin in the same moment, from a
 * model that takes 150 ms to the first token and 50 ms to each later one: the wait
 * for the first word, and the memory for each stream, beside the bare relay's.
 * Both servers are restarted for each of the three rounds, since a process does
 * not give memory back.
 *
 * @module
 */
import { print } from "./_print.ts";
import { type Child, whyNoUsage } from "./_child.ts";
import { startServers, startTestBed, type TestBed } from "./_servers.ts";
import { compare, type Figure, percentile } from "./_table.ts";

const STREAMS = 1_000;
const COUNT = STREAMS.toLocaleString("en");
const ROUNDS = 3;
/** A server has two connections for each stream. */
const DESCRIPTORS = 2 * STREAMS + 200;

/** The measurements of one server in one round. */
interface Round {
  p50: number;
  p99: number;
  /** The peak memory, divided by the number of streams. */
  memoryKb: number;
}

/** Runs the bench. */
export async function benchStreams(): Promise<Figure[]> {
  const allowed = await maxDescriptors();
  if (allowed < DESCRIPTORS) {
    print(
      `  a process may open ${allowed} files here, and ${STREAMS} streams need ` +
        `${DESCRIPTORS} (ulimit -Hn): left out`,
    );
    return [];
  }
  await using testBed = await startTestBed();
  const parley: Round[] = [];
  const relay: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    print(`  round ${round + 1} …`);
    await using servers = await startServers("ollama", testBed);
    parley.push(await measure(servers.parley, testBed));
    relay.push(await measure(servers.relay, testBed));
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

async function measure(server: Child, testBed: TestBed): Promise<Round> {
  await testBed.setPace(0, 0);
  await testBed.talk(server, { name: "warm-up", callers: 16, turns: 10 });
  await testBed.setPace(150, 50);
  const look = () => whyNoUsage ? NaN : server.memoryKb();
  let most = look();
  const looking = setInterval(() => most = Math.max(most, look()), 50);
  try {
    const job = { name: "crowd", callers: STREAMS, turns: 1 };
    const { firstMs } = await testBed.talk(server, job);
    return {
      p50: percentile(firstMs, 0.5),
      p99: percentile(firstMs, 0.99),
      memoryKb: most / STREAMS,
    };
  } finally {
    clearInterval(looking);
  }
}

/** Returns how many files and connections a process may have open. */
async function maxDescriptors(): Promise<number> {
  if (Deno.build.os === "windows") return Infinity;
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", "ulimit -Hn"],
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}
