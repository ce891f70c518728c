/**
 * Measures the admitted turns when more arrive than `MAX_TURNS`: with as many
 * callers as that, twice and five times as many. Each caller repeats a refused
 * turn, at half the interval that `retry-after` asks for.
 *
 * @module
 */
import { print } from "./_print.ts";
import type { Times } from "./_load.ts";
import { startParley, startTestBed, type TestBed } from "./_servers.ts";
import { compare, type Figure, ms, percentile } from "./_table.ts";

const MAX_TURNS = 40;
const FACTORS = [1, 2, 5] as const;
const ROUNDS = 3;
/** The turns of each caller at factor 1; every factor has the same total. */
const TURNS = 10;
const RETRY_MS = 1_000;

/** Runs the bench. */
export async function benchOverload(): Promise<Figure[]> {
  await using testBed = await startTestBed();
  await testBed.setPace(150, 15);
  const rounds = new Map<number, Times[]>(
    FACTORS.map((factor) => [factor, []]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    print(`  round ${round + 1} …`);
    for (const factor of FACTORS) {
      rounds.get(factor)?.push(await measure(testBed, factor, round));
    }
  }
  const of = (factor: number, share: number) =>
    (rounds.get(factor) ?? []).map(({ firstMs }) => percentile(firstMs, share));
  const figures = FACTORS.filter((factor) => factor > 1).flatMap((factor) =>
    [0.5, 0.99].map((share) =>
      compare(
        `First word, ${factor} × MAX_TURNS, p${share * 100}`,
        { value: of(factor, share), other: of(1, share) },
        { ratio: share === 0.5 ? 1.3 : 1.5 },
      )
    )
  );
  const refusedMs = (rounds.get(5) ?? []).flatMap(({ refusedMs }) => refusedMs);
  const worst = percentile(refusedMs, 0.99);
  return [...figures, {
    what: `${refusedMs.length} refusals at 5 × MAX_TURNS, p50 and p99`,
    value: `${ms(percentile(refusedMs, 0.5))}, ${ms(worst)}`,
    bound: "under 500 ms",
    holds: worst < 500,
  }];
}

async function measure(
  testBed: TestBed,
  factor: number,
  round: number,
): Promise<Times> {
  const folder = await Deno.makeTempDir({ prefix: "parley-bench-" });
  const env = { MAX_TURNS: `${MAX_TURNS}` };
  const parley = await startParley("ollama", testBed.model, folder, env);
  try {
    const job = {
      name: `warm-${factor}-${round}`,
      callers: MAX_TURNS,
      turns: 2,
    };
    await testBed.talk(parley, job);
    return await testBed.talk(parley, {
      name: `overload-${factor}-${round}`,
      callers: MAX_TURNS * factor,
      turns: TURNS / factor,
      retryMs: RETRY_MS,
    });
  } finally {
    await parley.kill();
    await Deno.remove(folder, { recursive: true });
  }
}
