/**
 * `deno task doctor`: looks at everything that a caller's answer depends on,
 * and says how to fix what is wrong.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };
import { pull } from "../providers/ollama_pull.ts";
import { explain } from "../server/log.ts";
import { SETTINGS } from "../settings/config.ts";
import { readEnvironment } from "../settings/environment.ts";
import type { CheckResult } from "../settings/check_result.ts";
import {
  checkDeno,
  listChecks,
  readSettings,
  runChecks,
} from "./doctor/mod.ts";
import {
  createRedact,
  findSecretValues,
  passwordsIn,
} from "./doctor/redact.ts";
import {
  oneLine,
  print,
  printError,
  printJson,
  readServerUrl,
  run,
} from "./_terminal.ts";

const USAGE =
  `Looks at the settings, the conversations' store, the port, the language model
and what voice platforms need, and says how to fix what is wrong. Exits with 1
if anything is.

  deno task doctor

  --url URL     the server's public address: sends a signed turn through it
  --pull        pulls a missing Ollama model without asking
  --json        one JSON document instead of text
`;

const OPTIONS = {
  url: { type: "string" },
  pull: { type: "boolean" },
  json: { type: "boolean" },
} as const;

async function main(
  values: { url?: string; pull?: boolean; json?: boolean },
  words: readonly string[] = [],
): Promise<boolean> {
  if (words.length > 0) throw new Error(`Too many words\n\n${USAGE}`);
  const { url: given, pull = false, json = false } = values;
  const url = given === undefined ? undefined : readServerUrl(given, "/agent");
  const environment = await readEnvironment(Deno.env, SETTINGS);
  const { findings, config } = readSettings(environment);
  const redact = createRedact([
    ...findSecretValues(environment.env),
    ...passwordsIn(url?.href ?? ""),
  ]);
  const results: CheckResult[] = [];

  function tell(finding: CheckResult): void {
    const shown = redact(finding);
    results.push(shown);
    if (!json) printFinding(shown);
  }

  if (!json) print(`Parley ${deno.version}\n\n`);
  [checkDeno(Deno.version.deno), ...findings].forEach(tell);
  const checks = config ? listChecks(config, url) : {};
  for await (const found of runChecks(checks)) found.forEach(tell);
  const missing = results.find((it) => it.missingModel)?.missingModel;
  if (config && missing && (pull || !json && offerPull(missing))) {
    const isPulled = await pullModel(config.vendors.ollama.host, missing);
    // Other points may have depended on it, such as the turn of --url.
    if (isPulled) return await main({ ...values, pull: false });
  }
  return sumUp(results, json);
}

const MARKS: Record<CheckResult["status"], string> = {
  ok: "✓",
  warn: "!",
  fail: "✗",
  skipped: "–",
};

function printFinding({ status, title, detail, fix }: CheckResult): void {
  print(`${MARKS[status]} ${title}: ${brief(detail)}\n`);
  if (fix !== undefined) print(`    → ${brief(fix)}\n`);
}

/** Part of a text may come from elsewhere: it has one line, and an end. */
function brief(text: string): string {
  return oneLine(text).slice(0, 500);
}

/** Asks whether to pull a model, where there is somebody to ask. */
function offerPull(model: string): boolean {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return false;
  print(`\nPull ${oneLine(model)} now?`);
  return confirm("");
}

/** Pulls a model, and says why where it can't. Returns whether it is there now. */
async function pullModel(host: string, model: string): Promise<boolean> {
  printError(`\nPulling ${oneLine(model)}; Ctrl+C stops it`);
  const isWatched = Deno.stderr.isTerminal();
  try {
    await pull(host, model, isWatched ? drawBar : () => {});
    printError("");
    return true;
  } catch (error) {
    printError(
      `\nNot pulled: ${oneLine(explain(error))}\n` +
        "    → try again, which goes on from there; names of models are at " +
        "https://ollama.com/library\n",
    );
    return false;
  }
}

const BAR_WIDTH = 30;

/** Draws the bar over the one before. Progress is no result, so it goes to stderr. */
function drawBar(completed: number, total: number): void {
  if (total === 0) return;
  const done = completed / total;
  const bar = "#".repeat(done * BAR_WIDTH).padEnd(BAR_WIDTH, ".");
  const percent = `${Math.floor(done * 100)}`.padStart(3);
  const line = `\r[${bar}] ${percent} % of ${(total / 1e9).toFixed(1)} GB`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}

/** Prints what it comes to. Returns whether nothing is to be fixed. */
function sumUp(results: CheckResult[], json: boolean): boolean {
  const counts = { ok: 0, warn: 0, fail: 0, skipped: 0 };
  for (const { status } of results) counts[status]++;
  const ok = counts.fail === 0;
  if (json) {
    printJson({ ok, version: deno.version, counts, results }, 2);
    return ok;
  }
  print(
    `\n${ok ? "Nothing" : counts.fail} to fix` +
      (counts.warn === 0 ? "" : `, ${counts.warn} to think about`) +
      (counts.skipped === 0 ? "" : `, ${counts.skipped} not checked`) + "\n",
  );
  return ok;
}

if (import.meta.main) await run(USAGE, OPTIONS, main);
