/**
 * `deno task doctor`: looks at everything that a caller's answer depends on,
 * and says how to fix what is wrong.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };
import { pull } from "../providers/ollama_pull.ts";
import { explain, printError } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import { checkDeno } from "./doctor/machine.ts";
import { type Check, listChecks, MODELS, runChecks } from "./doctor/mod.ts";
import { createProgress } from "./doctor/progress.ts";
import { createRedact, passwordsIn } from "./doctor/redact.ts";
import { checkSettings } from "./doctor/settings.ts";
import {
  oneLine,
  print,
  printableJson,
  readArguments,
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
  help: { type: "boolean", short: "h" },
} as const;

async function main(args: string[]): Promise<boolean> {
  const { values } = readArguments(args, OPTIONS, USAGE);
  if (values.help) {
    print(USAGE);
    return true;
  }
  const { json = false } = values;
  const url = values.url === undefined ? undefined : readServerUrl(values.url);
  const { results, config, secrets } = await checkSettings(Deno.env);
  const redact = createRedact([...secrets, ...passwordsIn(url?.href ?? "")]);
  const found = new Map<string, Finding[]>();

  async function look(checks: readonly Check[]): Promise<void> {
    for await (const [title, findings] of runChecks(checks)) {
      found.set(title, findings);
      if (!json) findings.map(redact).forEach(printFinding);
    }
  }

  if (!json) print(`Parley ${deno.version}\n\n`);
  const basics = [checkDeno(Deno.version.deno), ...results];
  if (config === undefined) basics.push(NOT_LOOKED_AT);
  const checks = config ? listChecks(config, url) : [];
  await look([
    { title: "settings", look: () => Promise.resolve(basics) },
    ...checks,
  ]);

  const missing = [...found.values()].flat()
    .find(({ missingModel }) => missingModel)?.missingModel;
  if (config && missing && (values.pull || (!json && offer(missing)))) {
    if (await pullModel(config.vendors.ollama.host, missing)) {
      await look(checks.filter(({ title }) => title === MODELS));
    }
  }
  return sumUp([...found.values()].flat().map(redact), json);
}

const NOT_LOOKED_AT: Finding = {
  status: "skipped",
  title: "all else",
  detail: "not looked at, since settings can't be used",
};

/** Marks, and the colours of a terminal. */
const MARKS: Record<Finding["status"], [mark: string, colour: number]> = {
  ok: ["✓", 32],
  warn: ["!", 33],
  fail: ["✗", 31],
  skipped: ["–", 2],
};

function printFinding({ status, title, detail, fix }: Finding): void {
  const [mark, colour] = MARKS[status];
  const painted = Deno.stdout.isTerminal() && !Deno.noColor
    ? `\x1b[${colour}m${mark}\x1b[0m`
    : mark;
  print(`${painted} ${title}: ${brief(detail)}\n`);
  if (fix !== undefined) print(`    → ${brief(fix)}\n`);
}

/** Part of a text may come from elsewhere: it gives no orders to the terminal, and has an end. */
function brief(text: string): string {
  return oneLine(text).slice(0, 500);
}

/** Prints what it comes to. Returns whether nothing is to be fixed. */
function sumUp(findings: Finding[], json: boolean): boolean {
  const counts = { ok: 0, warn: 0, fail: 0, skipped: 0 };
  for (const { status } of findings) counts[status]++;
  const ok = counts.fail === 0;
  if (json) {
    const { version } = deno;
    const document = { ok, version, counts, results: findings };
    print(`${printableJson(document, 2)}\n`);
    return ok;
  }
  print(
    `\n${ok ? "Nothing" : counts.fail} to fix` +
      (counts.warn === 0 ? "" : `, ${counts.warn} to think about`) +
      (counts.skipped === 0 ? "" : `, ${counts.skipped} not checked`) + "\n",
  );
  return ok;
}

/** Asks, where there is somebody to ask. */
function offer(model: string): boolean {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return false;
  return /^y(es)?$/i.test(prompt(`\nPull ${model} now (y/N)?`) ?? "");
}

/** Pulls a model. What was fetched before Ctrl+C is not fetched again the next time. */
async function pullModel(host: string, model: string): Promise<boolean> {
  printError(`\nPulling ${model}; Ctrl+C stops`);
  const showProgress = createProgress();
  try {
    const { signal } = new AbortController();
    for await (const step of pull(host, model, signal)) showProgress(step);
    printError("");
    return true;
  } catch (error) {
    const why = error instanceof Error ? error.message : explain(error);
    printError(`\nNot pulled: ${brief(why)}`);
    return false;
  }
}

if (import.meta.main) await run(main);
