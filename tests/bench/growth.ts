/**
 * What must not grow: a turn late in a long conversation costs what an early one
 * does, and one beside a hundred thousand stored conversations what it costs in
 * an empty folder. And how soon a started server listens.
 *
 * @module
 */
import { print } from "./_print.ts";
import { type Child, startChild, whyNoUsage } from "./_child.ts";
import { type Stage, startParley, startStage } from "./_servers.ts";
import { CLEAR_MISS, compare, type Figure, ms, percentile } from "./_table.ts";

const CONVERSATIONS = 10;
const LATE = 990;
const WINDOW = 10;
const STORED = 100_000;
const ROUNDS = 3;
const STARTS = 7;

/** Runs it; quickly, only the start. */
export async function benchGrowth(
  { quick }: { quick: boolean },
): Promise<Figure[]> {
  await using stage = await startStage();
  const figures = [await benchStart(stage)];
  if (quick) return figures;
  if (whyNoUsage === undefined) figures.push(await benchLong(stage));
  figures.push(...await benchMany(stage));
  return figures;
}

/** From the start of `deno run`, its flags known and its code cached. */
async function benchStart(stage: Stage): Promise<Figure> {
  print(`  ${STARTS} starts …`);
  const folder = await Deno.makeTempDir({ prefix: "parley-bench-" });
  const parley: number[] = [];
  const relay: number[] = [];
  try {
    for (let n = 0; n < STARTS; n++) {
      await using server = await startParley("ollama", stage.model, folder);
      parley.push(server.startMs);
      await using other = await startChild({
        program: "tests/bench/programs/relay.ts",
        args: ["ollama", stage.model.url],
      });
      relay.push(other.startMs);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const took = percentile(parley, 0.5);
  return {
    what: "Listening, from deno run",
    value: ms(took),
    other: ms(percentile(relay, 0.5)),
    bound: "at most 100 ms",
    holds: took <= 100,
    // A busy machine starts everything late, the relay as well.
    isClearMiss: took > 100 * CLEAR_MISS &&
      took > 5.5 * percentile(relay, 0.5),
  };
}

/**
 * Turns 991 to 1,000 of ten conversations in turn with turns 6 to 15 of ten new
 * ones, in one process: its code is as warm for the one as for the other.
 */
async function benchLong(stage: Stage): Promise<Figure> {
  print(`  ${CONVERSATIONS} conversations of 1,000 turns …`);
  const folder = await Deno.makeTempDir({ prefix: "parley-bench-" });
  try {
    await using server = await startParley("ollama", stage.model, folder);
    await stage.setPace(0, 0);
    const talk = (name: string, firstTurn: number, turns: number) =>
      stage.talk(server, { name, callers: CONVERSATIONS, firstTurn, turns });
    const late: number[] = [];
    const early: number[] = [];
    await talk("long", 1, LATE);
    for (let round = 0; round < ROUNDS; round++) {
      const at = LATE + 1 + round * WINDOW;
      late.push(await costOf(server, () => talk("long", at, WINDOW)));
      await talk(`new-${round}`, 1, 5);
      early.push(
        await costOf(server, () => talk(`new-${round}`, 6, WINDOW)),
      );
    }
    const pair = { value: late, other: early };
    return compare("CPU, 1,000th turn, over the 10th", pair, { ratio: 1.1 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function costOf(
  server: Child,
  work: () => Promise<{ firstMs: number[] }>,
): Promise<number> {
  const before = server.cpuMs();
  const { firstMs } = await work();
  return (server.cpuMs() - before) / firstMs.length;
}

/** A server on a full folder in turn with one on an empty folder. */
async function benchMany(stage: Stage): Promise<Figure[]> {
  print(`  beside ${STORED} stored conversations …`);
  const full = await Deno.makeTempDir({ prefix: "parley-bench-" });
  const empty = await Deno.makeTempDir({ prefix: "parley-bench-" });
  try {
    fill(`${full}/data/sessions`);
    await using beside = await startParley("ollama", stage.model, full);
    await using alone = await startParley("ollama", stage.model, empty);
    const cpu = { value: [] as number[], other: [] as number[] };
    const first = { value: [] as number[], other: [] as number[] };
    for (let round = -1; round < ROUNDS; round++) {
      for (
        const [key, server] of [["value", beside], ["other", alone]] as const
      ) {
        const before = whyNoUsage ? NaN : server.cpuMs();
        const { firstMs } = await talkAsCallers(server, stage, round);
        const after = whyNoUsage ? NaN : server.cpuMs();
        // The first round is for warming up.
        if (round < 0) continue;
        cpu[key].push((after - before) / firstMs.length);
        first[key].push(percentile(firstMs, 0.5));
      }
    }
    const what = `beside ${STORED.toLocaleString("en")} others`;
    return [
      ...(whyNoUsage
        ? []
        : [compare(`CPU a turn, ${what}`, cpu, { ratio: 1.1 })]),
      compare(`First word, ${what}, p50`, first, { added: 2 }),
    ];
  } finally {
    await Deno.remove(full, { recursive: true });
    await Deno.remove(empty, { recursive: true });
  }
}

/** Callers whose conversations are stored already, where any are. */
async function talkAsCallers(server: Child, stage: Stage, round: number) {
  await stage.setPace(50, 5);
  const job = { callers: 20, turns: 10, spreadMs: 250 };
  return await stage.talk(server, { name: `stored-${round + 1}`, ...job });
}

/** Writes conversations as the file store keeps them. */
function fill(folder: string): void {
  Deno.mkdirSync(folder, { recursive: true });
  const at = "2026-11-21T10:00:00.000Z";
  for (let n = 0; n < STORED; n++) {
    // Named as the callers' conversations are: they go on with some of these.
    const id = `stored-${Math.floor(n / 100)}-${n % 100}`;
    const records = [
      { type: "session", version: 1, id },
      { type: "user", turnId: "turn_1", text: "Is there a room?", at },
      { type: "assistant", turnId: "turn_1", text: "There is one.", at },
      { type: "end", turnId: "turn_1", status: "complete", at },
    ];
    Deno.writeTextFileSync(
      `${folder}/${id}.jsonl`,
      records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    );
  }
}
