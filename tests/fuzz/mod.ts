/**
 * `deno task fuzz`: sends strange input to every route of the real server, over
 * raw sockets. Exits with 1 if an answer is wrong, or the server has logged an
 * error, grown, leaked a descriptor, or written where it may not.
 * `--inputs=100000`, `--seed=1`; `--quick` sends 10,000.
 *
 * @module
 */
import { fuzz } from "./_fuzz.ts";

const { args } = Deno;
const quick = args.includes("--quick");

/** Reads the number of an option such as `--seed=1`. */
function numberOf(name: string, otherwise: number): number {
  const found = args.find((arg) => arg.startsWith(`--${name}=`));
  return found === undefined ? otherwise : Number(found.split("=")[1]);
}

const inputs = numberOf("inputs", quick ? 10_000 : 100_000);
const seed = numberOf("seed", 1);
const { faults, figures } = await fuzz({ inputs, seed });
// deno-lint-ignore no-console -- it is what the command is for
console.log(
  [...figures, ...faults.map((fault) => `FAULT ${fault}`)].join("\n"),
);
Deno.exit(faults.length > 0 ? 1 : 0);
