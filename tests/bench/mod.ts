/**
 * `deno task bench`: measures, and shows a table. Exits with 1 when a bound is
 * broken. Names choose: `deno task bench turns stores`; without, all (minutes).
 *
 * @module
 */
import { printText } from "../../src/log.ts";
import { type Figure, toTable } from "./_table.ts";
import { benchHangUp } from "./hangup.ts";
import { benchSpeech } from "./speech.ts";
import { benchStores } from "./stores.ts";
import { benchTurns } from "./turns.ts";

const BENCHES = {
  turns: benchTurns,
  speech: benchSpeech,
  hangup: benchHangUp,
  stores: benchStores,
};

const figures: Figure[] = [];
for (const [name, bench] of Object.entries(BENCHES)) {
  if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
  printText(`${name} …`);
  figures.push(...await bench());
}
printText(`\n${toTable(figures)}`);
Deno.exit(figures.some(({ holds }) => holds === false) ? 1 : 0);
