/**
 * `deno task doctor`: checks everything that an answer depends on, and says how
 * to fix what is wrong.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };
import { pull } from "../providers/ollama.ts";
import { explain } from "../server/log.ts";
import { SETTINGS } from "../settings/config.ts";
import { readEnvironment } from "../settings/environment.ts";
import type { CheckResult } from "../settings/check_result.ts";
import { readSettings, startChecks } from "./doctor/mod.ts";
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
  `Checks the settings, the conversations' store, the port, the language model
and what voice platforms need, and says how to fix what is wrong. Exits with 1
if anything is wrong.

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
  if (words.length > 0) throw new TypeError("Too many words");
  const { url: given, pull = false, json = false } = values;
  const url = given === undefined ? undefined : readServerUrl(given, "/agent");
  const environment = await readEnvironment(Deno.env, SETTINGS);
  const { findings, config } = readSettings(environment);
  const redact = createRedact([
    ...findSecretValues(environment.env),
    ...passwordsIn(url?.href ?? ""),
  ]);
  const results: CheckResult[] = [];

  function report(result: CheckResult): void {
    const shown = redact(result);
    results.push(shown);
    if (!json) printResult(shown);
  }

  if (!json) print(`Parley ${deno.version}, Deno ${Deno.version.deno}\n\n`);
  findings.forEach(report);
  const checks = config ? startChecks(config, url) : [];
  for (const found of checks) (await found).forEach(report);
  const missing = results.find((it) => it.missingModel)?.missingModel;
  if (config && missing && (pull || !json && offerPull(missing))) {
    const isPulled = await pullModel(config.vendors.ollama.host, missing);
    // Other checks may have failed for want of it, such as the turn of --url.
    if (isPulled) return await main({ ...values, pull: false });
  }
  return printSummary(results, json);
}

const MARKS: Record<CheckResult["status"], string> = {
  ok: "✓",
  warn: "!",
  fail: "✗",
  skipped: "–",
};

function printResult({ status, title, detail, fix }: CheckResult): void {
  print(`${MARKS[status]} ${title}: ${toBrief(detail)}\n`);
  if (fix !== undefined) print(`    → ${toBrief(fix)}\n`);
}

/** Puts a text on one line, and shortens it: part of it may come from another server. */
function toBrief(text: string): string {
  return oneLine(text).slice(0, 500);
}

/** Asks whether to pull a model, if there is a terminal to ask on. */
function offerPull(model: string): boolean {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return false;
  print(`\nPull ${oneLine(model)} now?`);
  return confirm("");
}

/** Pulls a model. Returns whether it succeeded. */
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
        "    → try again, which resumes the download; names of models are at " +
        "https://ollama.com/library\n",
    );
    return false;
  }
}

const BAR_WIDTH = 30;

/** Draws a progress bar over the previous one. */
function drawBar(completed: number, total: number): void {
  if (total === 0) return;
  const done = completed / total;
  const bar = "#".repeat(done * BAR_WIDTH).padEnd(BAR_WIDTH, ".");
  const percent = `${Math.floor(done * 100)}`.padStart(3);
  const line = `\r[${bar}] ${percent} % of ${(total / 1e9).toFixed(1)} GB`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}

/** Prints the summary. Returns whether there is nothing to fix. */
function printSummary(results: CheckResult[], json: boolean): boolean {
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
