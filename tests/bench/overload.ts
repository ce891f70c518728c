/**
 * What becomes of the turns that are let in when more come than `MAX_TURNS`:
 * as many callers as that, twice and five times as many, each of whom sends a
 * turn that was refused again and again, twice as often as it is told.
 *
 * @module
 */
import { print } from "./_print.ts";
import type { Times } from "./_load.ts";
import { type Stage, startParley, startStage } from "./_servers.ts";
import { compare, type Figure, ms, percentile } from "./_table.ts";

const MAX_TURNS = 40;
const FACTORS = [1, 2, 5] as const;
const ROUNDS = 3;
/** Turns of each caller where none is one too many; all factors have as many in all. */
const TURNS = 10;
const RETRY_MS = 1_000;

/** Runs it. */
export async function benchOverload(): Promise<Figure[]> {
  await using stage = await startStage();
  await stage.setPace(150, 15);
  const rounds = new Map<number, Times[]>(
    FACTORS.map((factor) => [factor, []]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    print(`  round ${round + 1} …`);
    for (const factor of FACTORS) {
      rounds.get(factor)?.push(await measure(stage, factor, round));
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
  stage: Stage,
  factor: number,
  round: number,
): Promise<Times> {
  const folder = await Deno.makeTempDir({ prefix: "parley-bench-" });
  const env = { MAX_TURNS: `${MAX_TURNS}` };
  const parley = await startParley("ollama", stage.model, folder, env);
  try {
    const job = {
      name: `warm-${factor}-${round}`,
      callers: MAX_TURNS,
      turns: 2,
    };
    await stage.talk(parley, job);
    return await stage.talk(parley, {
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
