/**
 * Chooses the provider from the settings, prepares its model, and runs the
 * checks of `doctor`.
 *
 * @module
 */
import { explain, type Log, toLog } from "../server/log.ts";
import { type CheckResult, createResults } from "../settings/check_result.ts";
import { createStandIn } from "./echo.ts";
import { createFailover } from "./failover.ts";
import {
  createProvider,
  type ProviderConfig,
  type ProviderName,
  type ProviderParts,
} from "./mod.ts";
import { isOllamaRunning } from "./ollama.ts";
import {
  type PromptBeginning,
  type Provider,
  ProviderError,
} from "./provider.ts";
import type { Diagnosis, VendorProvider } from "./vendor.ts";

/** Chooses the providers, with the reason, and with a fix if only `echo` is left. */
async function choose(
  config: ProviderConfig,
): Promise<{ names: readonly ProviderName[]; why: string; fix?: string }> {
  const { providers: names, providersNamedBy: by, vendors } = config;
  if (names[0] === "echo") {
    return { names, why: `${by} says so`, fix: "set LLM_PROVIDER to another" };
  }
  if (names.length > 0) return { names, why: `${by} is set` };
  const { host } = vendors.ollama;
  if (await isOllamaRunning(host)) {
    return { names: ["ollama"], why: `it answers at ${host}` };
  }
  return {
    names: ["echo"],
    why:
      `the settings name no language model, and no Ollama answers at ${host}`,
    fix: "start Ollama (ollama serve), which is found from the next turn on; " +
      "or set GOOGLE_GENERATIVE_AI_API_KEY, OPENAI_API_KEY or, where " +
      "OPENAI_BASE_URL needs no key, LLM_PROVIDER=openai, and start again",
  };
}

/** Waits are measured with this clock: the time of day can be set. */
const now = () => performance.now();

/** Creates one provider of the chosen ones. The stand-in is replaced as soon as a model is found. */
export async function chooseProvider(
  config: ProviderParts,
  log: Log,
): Promise<Provider> {
  const { firstTokenTimeoutMs, stallTimeoutMs } = config;
  const create = (name: ProviderName) => {
    const provider = createProvider(name, config, log);
    for (const { detail: message, fix } of provider.warnings ?? []) {
      log.warn("provider.warning", { provider: name, message, fix });
    }
    return provider;
  };
  const join = (names: readonly ProviderName[]) =>
    createFailover(
      names.map(create),
      { log, now, firstTokenTimeoutMs, stallTimeoutMs },
    );
  const { names, why, fix } = await choose(config);
  if (config.providers.length > 0 || fix === undefined) return join(names);
  log.warn("provider.stand_in", {
    message: "No language model: answers come from a stand-in that echoes, " +
      `since ${why}; ${fix}`,
  });
  return createStandIn(join(names), async () => {
    const { names, why, fix } = await choose(config);
    if (fix !== undefined) return undefined;
    const provider = join(names);
    log.info("provider.found", {
      provider: provider.name,
      message: `From now on ${provider.name} answers, since ${why}`,
    });
    // This loads the model; it reads the prompt with the first request.
    prepare(provider, { system: "", messages: [] }, log);
    return provider;
  }, now);
}

/** How long a model may take to load, since a large one may be on a slow disk. */
const PREPARE_TIMEOUT_MS = 10 * 60_000;

/** How long to wait before a failed preparation is tried again. */
const PREPARE_RETRY_MS = 5_000;

/**
 * Prepares a provider in the background, so that callers need not wait for it,
 * and logs the result. If the provider can't be reached yet, tries again until it
 * can. A caller who comes earlier waits for the rest.
 */
export async function prepare(
  provider: Provider,
  beginning: PromptBeginning,
  log: Log,
  retryMs: number = PREPARE_RETRY_MS,
): Promise<void> {
  if (provider.prepare === undefined) return;
  const { name } = provider;
  log.info("provider.preparing", { provider: name });
  for (let tries = 1;; tries++) {
    const startedAt = now();
    try {
      const signal = AbortSignal.timeout(PREPARE_TIMEOUT_MS);
      await provider.prepare(signal, beginning);
      const { model } = provider;
      const tookMs = Math.round(now() - startedAt);
      return log.info("provider.ready", { provider: name, model, tookMs });
    } catch (error) {
      const isTransient = error instanceof ProviderError && error.retryable;
      if (tries === 1 || !isTransient) {
        log.error("provider.not_ready", { provider: name, error });
      }
      if (!isTransient) return;
      await new Promise((resolve) =>
        // The timer must not keep the process alive.
        Deno.unrefTimer(setTimeout(resolve, retryMs))
      );
    }
  }
}

/** Checks, for `doctor`, which providers are chosen and whether they can answer. */
export async function diagnoseProviders(
  config: ProviderParts,
  { toolCount, signal }: { toolCount: number; signal: AbortSignal },
): Promise<CheckResult[]> {
  const { names, why, fix } = await choose(config);
  const { ok, warn } = createResults("language model");
  const choice = fix === undefined
    ? ok(`${names.join(", then ")}, since ${why}`)
    : warn(`only echo, a stand-in that repeats what it hears: ${why}`, fix);
  const log = toLog(() => {});
  const all = await Promise.all(
    names.filter((name) => name !== "echo").map(async (title) => {
      const provider = createProvider(title, config, log);
      const found = await diagnoseProvider(provider, toolCount, signal);
      return [...provider.warnings ?? [], ...found]
        .map((remark) => ({ title, ...remark }));
    }),
  );
  return [choice, ...all.flat()];
}

async function diagnoseProvider(
  provider: VendorProvider,
  toolCount: number,
  signal: AbortSignal,
): Promise<Diagnosis[]> {
  try {
    if (provider.diagnose) return await provider.diagnose(toolCount, signal);
    await provider.check(signal);
    return [{ status: "ok", detail: `${provider.model} answers` }];
  } catch (error) {
    const { fix = `check the settings of ${provider.name}`, missingModel } =
      error instanceof ProviderError ? error : {};
    const detail = explain(error).replace(`; ${fix}`, "");
    const pullable = missingModel === undefined ? {} : { missingModel };
    return [{ status: "fail", detail, fix, ...pullable }];
  }
}
