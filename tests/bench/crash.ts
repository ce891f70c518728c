/**
 * Checks that a killed server loses nothing that it acknowledged: a thousand
 * kills with files, and a hundred with Postgres if it is installed, each with
 * thirty callers in mid-turn.
 *
 * @module
 */
import {
  type CrashAmount,
  crashOnFiles,
  crashOnPostgres,
  type CrashReport,
} from "../_crash.ts";
import { whyNoPostgres } from "../fakes/postgres.ts";
import { print } from "./_print.ts";
import type { Figure } from "./_table.ts";

const CALLERS = 30;

/** Runs the bench; a quick run has a tenth of the kills. */
export async function benchCrash(
  { quick }: { quick: boolean },
): Promise<Figure[]> {
  const share = quick ? 0.1 : 1;
  const figures = [await measure("files", crashOnFiles, 1_000 * share)];
  const why = whyNoPostgres();
  if (why !== undefined) print(`  ${why}: left out`);
  else figures.push(await measure("Postgres", crashOnPostgres, 100 * share));
  return figures;
}

async function measure(
  store: string,
  run: (amount: CrashAmount) => Promise<CrashReport>,
  kills: number,
): Promise<Figure> {
  print(`  ${kills} kills on ${store} …`);
  const { turns, cut, words, lost } = await run({
    kills,
    callers: CALLERS,
    onKill: (n) => n % (kills / 10) === 0 && print(`    ${n}`),
  });
  for (const what of lost.slice(0, 20)) print(`  lost: ${what}`);
  return {
    what: `lost in ${kills} kills on ${store}`,
    value: `${lost.length} of ${turns} turns, ${words} words; ${cut} cut off`,
    bound: "nothing",
    holds: lost.length === 0,
  };
}
