/**
 * `deno task doctor`: looks at everything that a caller's answer depends on,
 * and says how to mend what is wrong.
 *
 * @module
 */
import deno from "../../deno.json" with { type: "json" };
import { explain, printError } from "../server/log.ts";
import { diagnose, diagnoseModels } from "./doctor/mod.ts";
import { createProgress } from "./doctor/progress.ts";
import { pull, PullError } from "../providers/ollama_pull.ts";
import type { Result, Status } from "./doctor/result.ts";
import { checkSettings } from "./doctor/settings.ts";
import { PROVIDERS } from "../providers/mod.ts";
import {
  oneLine,
  print,
  printable,
  printableJson,
  readArguments,
  run,
  UsageError,
} from "./_terminal.ts";

const USAGE =
  `Looks at the settings, the clock, the disk, the port, the language model and
Layercode, and says how to mend what is wrong. Exits with 1 if anything is.

  deno task doctor

  --url URL     the server's public address: sends a signed turn through it
  --pull        pulls a missing Ollama model without asking
  --json        one JSON document instead of text
`;

/** Marks, and the colours of a terminal. */
const MARKS: Record<Status, [string, number]> = {
  ok: ["✓", 32],
  warn: ["!", 33],
  fail: ["✗", 31],
  skipped: ["–", 2],
};

async function main(args: string[]): Promise<boolean> {
  const { values } = readArguments(args, {
    url: { type: "string" },
    pull: { type: "boolean" },
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  }, USAGE);
  if (values.help) {
    print(USAGE);
    return true;
  }
  const { json = false } = values;
  const { version } = deno;
  const url = readUrl(values.url);
  const patient = {
    version,
    now: Date.now,
    ...(url ? { publicUrl: url } : {}),
  };
  const settings = await checkSettings(Deno.env.toObject());
  if (!json) print(`Parley ${version}\n\n`);
  let results: Result[] = [];
  for await (const result of diagnose(settings, patient)) {
    results.push(result);
    if (!json) printResult(result);
  }

  const missing = results.find(({ missingModel }) => missingModel)
    ?.missingModel;
  const { config } = settings;
  if (config && missing && (values.pull || (!json && offer(missing)))) {
    if (await fetchModel(config.vendors.ollama.host, missing)) {
      const again = await Array.fromAsync(diagnoseModels(settings, patient));
      if (!json) again.forEach(printResult);
      results = [...results.filter((it) => !isAboutModels(it)), ...again];
    }
  }
  sumUp(results, version, json);
  return results.every(({ status }) => status !== "fail");
}

function readUrl(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`--url "${text}": must begin with https://`);
  }
  if (url.pathname === "/") url.pathname = "/agent";
  return url;
}

function isAboutModels({ title }: Result): boolean {
  return title === "language model" || title in PROVIDERS;
}

function printResult({ status, title, detail, mend }: Result): void {
  const [mark, colour] = MARKS[status];
  print(`${paint(mark, colour)} ${title}: ${brief(detail)}\n`);
  if (mend !== undefined) print(`    → ${brief(mend)}\n`);
}

/** Part of it may come from elsewhere: no orders to the terminal, no novels. */
function brief(text: string): string {
  return oneLine(text).slice(0, 500);
}

function paint(text: string, colour: number): string {
  return Deno.stdout.isTerminal() && !Deno.noColor
    ? `\x1b[${colour}m${text}\x1b[0m`
    : text;
}

function sumUp(results: Result[], version: string, json: boolean): void {
  const counts = { ok: 0, warn: 0, fail: 0, skipped: 0 };
  for (const { status } of results) counts[status]++;
  if (json) {
    const document = { ok: counts.fail === 0, version, counts, results };
    return print(`${printableJson(document, 2)}\n`);
  }
  const warnings = counts.warn === 0 ? "" : `, ${counts.warn} to think about`;
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} not checked`;
  print(
    counts.fail === 0
      ? `\nNothing to mend${warnings}${skipped}\n`
      : `\n${counts.fail} to mend${warnings}${skipped}\n`,
  );
}

/** Asks, where there is somebody to ask. */
function offer(model: string): boolean {
  if (!Deno.stdin.isTerminal() || !Deno.stdout.isTerminal()) return false;
  return /^y(es)?$/i.test(prompt(`\nPull ${model} now (y/N)?`) ?? "");
}

/** Pulls a model, until it is there or Ctrl+C. Progress is no result: it goes to stderr. */
async function fetchModel(host: string, model: string): Promise<boolean> {
  const isTerminal = Deno.stderr.isTerminal();
  const encoder = new TextEncoder();
  const progress = createProgress({
    isTerminal,
    // A terminal that doesn't know its size says 0.
    columns: isTerminal && Deno.consoleSize().columns || 80,
    write: (text) => Deno.stderr.writeSync(encoder.encode(text)),
    now: () => performance.now(),
  });
  const leave = new AbortController();
  const stop = () => leave.abort(new PullError(STOPPED));
  Deno.addSignalListener("SIGINT", stop);
  printError(`\nPulling ${model}; Ctrl+C stops`);
  try {
    for await (const step of pull(host, model, leave.signal)) {
      progress.draw({ ...step, status: printable(step.status) });
    }
    progress.end();
    return true;
  } catch (error) {
    progress.end();
    printError(`Not pulled: ${brief(explainTop(error))}`);
    return false;
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
}

const STOPPED =
  "stopped. What was fetched is kept: pulling again goes on there";

/** A cause would say the same again, in others' words. */
function explainTop(error: unknown): string {
  return error instanceof PullError ? error.message : explain(error);
}

if (import.meta.main) await run(main);
