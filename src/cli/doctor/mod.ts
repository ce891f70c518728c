/**
 * The checks, in the order that they are told of, and what runs them: all at
 * once, each for a bounded time.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import { diagnoseProviders, vendorSettings } from "../../providers/mod.ts";
import { readKeptSecret } from "../../settings/secret.ts";
import { checkAdminToken } from "./admin_token.ts";
import { checkClock } from "./clock.ts";
import { checkFolder } from "./folder.ts";
import { checkLayercode } from "./layercode.ts";
import { isTimeout } from "./net.ts";
import { checkPort } from "./port.ts";
import { checkPublicUrl } from "./public_url.ts";
import { createRedact, passwordsIn } from "./redact.ts";
import { type Check, findings, type Patient, type Result } from "./result.ts";
import { checkRuntime } from "./runtime.ts";
import { checkSecret } from "./secret.ts";
import type { Settings } from "./settings.ts";
import { checkStore } from "./store.ts";

/** A check, and what it can't do without. */
export interface Entry {
  /** What it is about, where it can't be run. */
  title: string;
  /** The check itself. */
  check: Check;
  /** The beginnings of the settings it looks at. With one of them broken it isn't run. */
  needs: RegExp;
  /** How long it may take. Default {@linkcode TIMEOUT_MS}. */
  timeoutMs?: number;
}

/** How long a check may take. */
export const TIMEOUT_MS = 6_000;

const VENDOR_VARIABLES = vendorSettings().map(({ env }) => env);

/** Every check but that of the settings, in the order that they are told of. */
export const CHECKS: readonly Entry[] = [
  { title: "clock", check: checkClock, needs: /^(LAYERCODE_API_URL|GEMINI_B)/ },
  {
    title: "webhook secret",
    check: checkSecret,
    needs: /^(LAYERCODE_WEBHOOK|DATA_DIR|PORT|HOST)/,
  },
  { title: "admin token", check: checkAdminToken, needs: /^ADMIN_TOKEN/ },
  { title: "data folder", check: checkFolder, needs: /^DATA_DIR/ },
  { title: "session store", check: checkStore, needs: /^(SESSION|DATA_DIR)/ },
  { title: "port", check: checkPort, needs: /^(PORT|HOST)$/ },
  {
    title: "language model",
    check: checkModels,
    needs: new RegExp(
      `^(LLM_PROVIDER|CONTEXT_TOKENS|${VENDOR_VARIABLES.join("|")})$`,
    ),
  },
  { title: "layercode", check: checkLayercode, needs: /^LAYERCODE_A/ },
  {
    title: "public URL",
    check: checkPublicUrl,
    needs: /^(LAYERCODE_WEBHOOK|DATA_DIR|PORT|HOST)/,
    // A turn: a model may take as long as it is given.
    timeoutMs: 30_000,
  },
];

/** What there is besides the settings. */
export type Circumstances = Omit<Patient, "config">;

/** Looks at each provider that the server would choose. */
export async function checkModels(
  { config, now }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { tools } = await import("../../agent/mod.ts");
  const context = { toolCount: tools.length, now, signal };
  const findings = await diagnoseProviders(config, context);
  return findings.map(({ fix, ...finding }) => ({
    ...finding,
    ...(fix === undefined ? {} : { mend: fix }),
  }));
}

/** Looks at everything: this Deno, the settings, and what the settings name. */
export async function* diagnose(
  settings: Settings,
  circumstances: Circumstances,
): AsyncGenerator<Result, void> {
  yield checkRuntime(Deno.version.deno);
  yield* settings.results;
  yield* runChecks(settings, circumstances, CHECKS);
}

/** Looks at the language models once more, when something was done about them. */
export function diagnoseModels(
  settings: Settings,
  circumstances: Circumstances,
): AsyncGenerator<Result, void> {
  const entries = CHECKS.filter(({ check }) => check === checkModels);
  return runChecks(settings, circumstances, entries);
}

/** Runs checks all at once; their findings come in the order of the list. */
export async function* runChecks(
  { config, broken, secrets }: Pick<Settings, "config" | "broken" | "secrets">,
  circumstances: Circumstances,
  entries: readonly Entry[],
): AsyncGenerator<Result, void> {
  const redact = createRedact([
    ...secrets,
    ...passwordsIn(circumstances.publicUrl?.href ?? ""),
    config && await readKeptSecret(config.dataDir).catch(() => "") || "",
  ]);
  const runs = entries.map((entry) =>
    runOne(entry, broken, config && { ...circumstances, config })
  );
  for (const run of runs) {
    for (const result of await run) yield redact(result);
  }
}

/** Runs one check, whatever becomes of it. */
async function runOne(
  { title, check, needs, timeoutMs = TIMEOUT_MS }: Entry,
  broken: ReadonlySet<string>,
  patient?: Patient,
): Promise<Result[]> {
  const { fail, skipped } = findings(title);
  const missing = [...broken].filter((name) => needs.test(name));
  if (patient === undefined || missing.length > 0) {
    const which = missing.join(", ") || "the settings";
    return [skipped(`not looked at, since ${which} can't be used`)];
  }
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await Promise.race([check(patient, signal), untilAborted(signal)]);
  } catch (error) {
    return [
      isTimeout(error)
        ? fail(
          `no answer within ${timeoutMs / 1000} s`,
          "see whether what it asks is overloaded, or hangs",
        )
        : fail(`can't be looked at: ${explain(error)}`, "see that message"),
    ];
  }
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}
