/**
 * `deno task soak`: 10,000 turns, 100 at once, of which one in twenty has a fault.
 * Exits with 1 if a turn is lost or answered wrongly, or heap, descriptors,
 * sockets or timers have grown since the 2,000th turn. `--quick` has 2,000 turns
 * and measures first after 1,000.
 *
 * @module
 */
import { killAll } from "../bench/_child.ts";
import { soak } from "./_soak.ts";

Deno.addSignalListener("SIGINT", () => {
  killAll();
  Deno.exit(1);
});
const amount = Deno.args.includes("--quick")
  ? { turns: 2_000, warm: 1_000 }
  : { turns: 10_000, warm: 2_000 };
const { faults, figures } = await soak({ ...amount, callers: 100 });
// deno-lint-ignore no-console -- it is what the command is for
console.log(
  [...figures, ...faults.map((fault) => `FAULT ${fault}`)].join("\n"),
);
Deno.exit(faults.length > 0 ? 1 : 0);
