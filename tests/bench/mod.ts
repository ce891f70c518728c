/**
 * `deno task bench`: measures, and shows a table. Exits with 1 when a bound is
 * broken.
 *
 * @module
 */
import { printText } from "../../src/log.ts";
import { type Figure, toTable } from "./_table.ts";
import { benchHangUp } from "./hangup.ts";
import { benchSpeech } from "./speech.ts";
import { benchTurns } from "./turns.ts";

const figures: Figure[] = [];
for (const bench of [benchTurns, benchSpeech, benchHangUp]) {
  printText(`${bench.name} …`);
  figures.push(...await bench());
}
printText(`\n${toTable(figures)}`);
Deno.exit(figures.some(({ holds }) => holds === false) ? 1 : 0);
