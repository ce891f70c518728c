/**
 * Measures what a turn of forty tokens costs, and how much later its first word
 * comes, beside the bare relay; and what it costs by chat completions, beside
 * Layercode's webhook. They alternate, three rounds each, in the same run.
 *
 * @module
 */
import { print } from "./_print.ts";
import type { Child } from "./_child.ts";
import { whyNoUsage } from "./_child.ts";
import type { Api } from "./_load.ts";
import {
  type Servers,
  startServers,
  startTestBed,
  type TestBed,
  type Vendor,
} from "./_servers.ts";
import { compare, type Figure, percentile } from "./_table.ts";

/** The callers, the model's pace, and the bounds for Parley. */
interface Scenario {
  what: string;
  callers: number;
  turns: number;
  firstMs: number;
  tokenMs: number;
  /** The bound of the CPU time of a turn, divided by the relay's. */
  cpu?: Partial<Record<Vendor, number>>;
  /** The bounds of the time to the first word. */
  first?: { p50?: number; p99?: number; p99Ratio?: number };
}

const SCENARIOS: readonly Scenario[] = [
  {
    what: "32 callers, instant model",
    callers: 32,
    turns: 16,
    firstMs: 0,
    tokenMs: 0,
    cpu: { ollama: 1.5, gemini: 1.8 },
  },
  {
    what: "50 callers, 150 ms + 15 ms a token",
    callers: 50,
    turns: 8,
    firstMs: 150,
    tokenMs: 15,
    cpu: { ollama: 1.5, gemini: 1.8 },
    first: { p50: 2, p99: 10 },
  },
  {
    what: "500 callers, 150 ms + 50 ms a token",
    callers: 500,
    turns: 2,
    firstMs: 150,
    tokenMs: 50,
    first: { p99Ratio: 1.3 },
  },
];

const NAMES = { ollama: "Ollama", gemini: "Gemini" };

/** The measurements of one server in one round. */
interface Round {
  cpuMs: number;
  p50: number;
  p99: number;
}

/** The rounds of Parley by each API, and those of the relay. */
interface Rounds {
  parley: Round[];
  chat: Round[];
  relay: Round[];
}

/** Runs the bench; a quick run has two short rounds, of which the better counts, and no scenario with many callers. */
export async function benchTurns(
  { quick }: { quick: boolean },
): Promise<Figure[]> {
  const figures: Figure[] = [];
  await using testBed = await startTestBed();
  for (const vendor of ["ollama", "gemini"] as const) {
    await using servers = await startServers(vendor, testBed);
    await warmUp(servers, testBed);
    for (const scenario of SCENARIOS) {
      if (quick && scenario.callers > 50) continue;
      if (vendor !== "ollama" && scenario.cpu === undefined) continue;
      print(`  ${vendor}, ${scenario.what} …`);
      const rounds = await measure(
        servers,
        testBed,
        quick ? { ...scenario, turns: scenario.turns / 2 } : scenario,
        quick ? 2 : 3,
      );
      figures.push(...toFigures(vendor, scenario, rounds));
    }
  }
  return figures;
}

/** Runs turns until V8 has compiled the code of a turn. */
async function warmUp({ parley, relay }: Servers, testBed: TestBed) {
  await testBed.setPace(0, 0);
  const job = { callers: 16, turns: 20 };
  await testBed.talk(parley, { name: "warm-up", ...job });
  await testBed.talk(parley, { name: "warm-up-chat", api: "openai", ...job });
  await testBed.talk(relay, { name: "warm-up", ...job });
}

async function measure(
  { parley, relay }: Servers,
  testBed: TestBed,
  scenario: Scenario,
  rounds: number,
): Promise<Rounds> {
  await testBed.setPace(scenario.firstMs, scenario.tokenMs);
  const found: Rounds = { parley: [], chat: [], relay: [] };
  for (let round = 0; round < rounds; round++) {
    const name = `${scenario.callers}-${scenario.tokenMs}-${round}`;
    found.parley.push(await once(parley, testBed, scenario, name));
    if (scenario.cpu !== undefined) {
      found.chat.push(await once(parley, testBed, scenario, name, "openai"));
    }
    found.relay.push(await once(relay, testBed, scenario, name));
  }
  return found;
}

async function once(
  server: Child,
  testBed: TestBed,
  { callers, turns, firstMs, tokenMs }: Scenario,
  name: string,
  api: Api = "layercode",
): Promise<Round> {
  const before = whyNoUsage ? NaN : server.cpuMs();
  const { firstMs: times } = await testBed.talk(server, {
    name: `${name}-${api}`,
    api,
    callers,
    turns,
    // The callers start over the length of an answer, so that their turns don't all
    // begin at once.
    spreadMs: firstMs + 40 * tokenMs,
  });
  const after = whyNoUsage ? NaN : server.cpuMs();
  return {
    cpuMs: (after - before) / times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}

function toFigures(
  vendor: Vendor,
  { what, cpu, first }: Scenario,
  rounds: Rounds,
): Figure[] {
  const pair = (key: keyof Round) => ({
    value: rounds.parley.map((round) => round[key]),
    other: rounds.relay.map((round) => round[key]),
  });
  const figures: Figure[] = [];
  const add = (figure: Figure) =>
    figures.push({ ...figure, isBesideRelay: true });
  const ratio = cpu?.[vendor];
  if (ratio !== undefined && whyNoUsage === undefined) {
    const name = `CPU a turn, ${NAMES[vendor]}, ${what}`;
    add(compare(name, pair("cpuMs"), { ratio }));
    figures.push(compare(`… chat completions beside Layercode's webhook`, {
      value: rounds.chat.map(({ cpuMs }) => cpuMs),
      other: rounds.parley.map(({ cpuMs }) => cpuMs),
    }, { ratio: 1.1 }));
  }
  if (vendor !== "ollama") return figures;
  if (first?.p50 !== undefined) {
    const name = `First word, ${what}, p50`;
    add(compare(name, pair("p50"), { added: first.p50 }));
  }
  if (first?.p99 !== undefined) {
    const name = `First word, ${what}, p99`;
    add(compare(name, pair("p99"), { added: first.p99 }));
  }
  if (first?.p99Ratio !== undefined) {
    const name = `First word, ${what}, p99`;
    add(compare(name, pair("p99"), { ratio: first.p99Ratio }));
  }
  return figures;
}
