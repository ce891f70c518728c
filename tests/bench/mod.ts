/**
 * `deno task bench`: measures, and prints a table. Exits with 1 if a bound is
 * broken. Names choose benches: `deno task bench turns stores`; without names, all
 * run, which takes minutes. `--svg` draws the chart of docs/speed.md. `--quick`
 * takes a minute, leaves out long benches, and fails only on a clear miss, so
 * that it passes on a busy machine.
 *
 * @module
 */
import { print } from "./_print.ts";
import { killAll } from "./_child.ts";
import { toSvg } from "./_chart.ts";
import { type Figure, toTable } from "./_table.ts";
import { benchCrash } from "./crash.ts";
import { benchGrowth } from "./growth.ts";
import { benchHangUp } from "./hangup.ts";
import { benchOverload } from "./overload.ts";
import { benchSpeech } from "./speech.ts";
import { benchStores } from "./stores.ts";
import { benchStreams } from "./streams.ts";
import { benchTurns } from "./turns.ts";

/** Each bench, and whether it has a quick run. */
const BENCHES: Record<
  string,
  {
    run: (options: { quick: boolean }) => Figure[] | Promise<Figure[]>;
    isQuick: boolean;
  }
> = {
  turns: { run: benchTurns, isQuick: true },
  streams: { run: benchStreams, isQuick: false },
  growth: { run: benchGrowth, isQuick: true },
  speech: { run: benchSpeech, isQuick: true },
  hangup: { run: benchHangUp, isQuick: true },
  overload: { run: benchOverload, isQuick: false },
  stores: { run: benchStores, isQuick: false },
  crash: { run: benchCrash, isQuick: false },
};

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  if (Deno.build.os === "windows" && signal === "SIGTERM") continue;
  Deno.addSignalListener(signal, () => {
    killAll();
    Deno.exit(1);
  });
}
const quick = Deno.args.includes("--quick");
const names = Deno.args.filter((arg) => !arg.startsWith("--"));
const unknown = names.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  print(
    `No bench ${unknown.join(", ")}: there are ${
      Object.keys(BENCHES).join(", ")
    }`,
  );
  Deno.exit(1);
}
const cores = navigator.hardwareConcurrency;
const [load = 0] = Deno.loadavg();
if (load > cores / 2) {
  print(
    `This machine is busy (load ${load.toFixed(1)} on ${cores} processors): ` +
      "waits will be longer than they should, and ratios rough",
  );
}
const figures: Figure[] = [];
for (const [name, { run, isQuick }] of Object.entries(BENCHES)) {
  const isChosen = names.length > 0 ? names.includes(name) : isQuick || !quick;
  if (!isChosen) continue;
  print(`${name} …`);
  figures.push(...await run({ quick }));
}
print(`\n${toTable(figures)}`);
if (Deno.args.includes("--svg")) {
  const today = new Date().toISOString().slice(0, 10);
  const where = `${Deno.build.os}, ${cores} processors`;
  Deno.writeTextFileSync(
    new URL("../../docs/speed.svg", import.meta.url),
    toSvg(
      figures,
      `Medians of three, each in turn, file store, 40 tokens an answer. ` +
        `Deno ${Deno.version.deno}, ${where}, ${today}.`,
    ),
  );
}
const failed = figures.some(({ holds, isClearMiss }) =>
  quick ? isClearMiss ?? holds === false : holds === false
);
Deno.exit(failed ? 1 : 0);
