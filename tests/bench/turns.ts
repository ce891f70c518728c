/**
 * What a turn of forty tokens costs, and how much later its first word comes,
 * beside the bare relay; and what it costs where a platform asks by chat
 * completions, beside Layercode's webhook. They take turns, three times each,
 * in the same run.
 *
 * @module
 */
import { print } from "./_print.ts";
import type { Child } from "./_child.ts";
import { whyNoUsage } from "./_child.ts";
import type { Face } from "./_load.ts";
import {
  type Servers,
  type Stage,
  startServers,
  startStage,
  type Vendor,
} from "./_servers.ts";
import { compare, type Figure, percentile } from "./_table.ts";

/** Callers, a model's pace, and what is asked of Parley. */
interface Scenario {
  what: string;
  callers: number;
  turns: number;
  firstMs: number;
  tokenMs: number;
  /** The highest CPU a turn, over the relay's. */
  cpu?: Partial<Record<Vendor, number>>;
  /** Bounds of the first word's time. */
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

/** What one server took in one round. */
interface Round {
  cpuMs: number;
  p50: number;
  p99: number;
}

/** Parley's rounds by Layercode's webhook and by chat completions, and the relay's. */
interface Rounds {
  parley: Round[];
  chat: Round[];
  relay: Round[];
}

/** Runs it; quickly, with two short rounds, of which the better counts, and no crowd. */
export async function benchTurns(
  { quick }: { quick: boolean },
): Promise<Figure[]> {
  const figures: Figure[] = [];
  await using stage = await startStage();
  for (const vendor of ["ollama", "gemini"] as const) {
    await using servers = await startServers(vendor, stage);
    await warmUp(servers, stage);
    for (const scenario of SCENARIOS) {
      if (quick && scenario.callers > 50) continue;
      if (vendor !== "ollama" && scenario.cpu === undefined) continue;
      print(`  ${vendor}, ${scenario.what} …`);
      const rounds = await measure(
        servers,
        stage,
        quick ? { ...scenario, turns: scenario.turns / 2 } : scenario,
        quick ? 2 : 3,
      );
      figures.push(...toFigures(vendor, scenario, rounds));
    }
  }
  return figures;
}

/** Until the engine has compiled what a turn needs. */
async function warmUp({ parley, relay }: Servers, stage: Stage) {
  await stage.setPace(0, 0);
  const job = { callers: 16, turns: 20 };
  await stage.talk(parley, { name: "warm-up", ...job });
  await stage.talk(parley, { name: "warm-up-chat", face: "openai", ...job });
  await stage.talk(relay, { name: "warm-up", ...job });
}

async function measure(
  { parley, relay }: Servers,
  stage: Stage,
  scenario: Scenario,
  rounds: number,
): Promise<Rounds> {
  await stage.setPace(scenario.firstMs, scenario.tokenMs);
  const found: Rounds = { parley: [], chat: [], relay: [] };
  for (let round = 0; round < rounds; round++) {
    const name = `${scenario.callers}-${scenario.tokenMs}-${round}`;
    found.parley.push(await once(parley, stage, scenario, name));
    if (scenario.cpu !== undefined) {
      found.chat.push(await once(parley, stage, scenario, name, "openai"));
    }
    found.relay.push(await once(relay, stage, scenario, name));
  }
  return found;
}

async function once(
  server: Child,
  stage: Stage,
  { callers, turns, firstMs, tokenMs }: Scenario,
  name: string,
  face: Face = "layercode",
): Promise<Round> {
  const before = whyNoUsage ? NaN : server.cpuMs();
  const { firstMs: times } = await stage.talk(server, {
    name: `${name}-${face}`,
    face,
    callers,
    turns,
    // Callers come in over the length of an answer: nobody's all begin at once.
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
