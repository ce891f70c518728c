/**
 * The providers, by the name that `LLM_PROVIDER` gives them. A new one is a
 * file beside this one, a name in `PROVIDERS` and a line here.
 *
 * @module
 */
import type { Config, ProviderName } from "../config.ts";
import type { Log } from "../log.ts";
import { createEcho } from "./echo.ts";
import { createFailover } from "./failover.ts";
import { findEnd } from "./_gemini_wire.ts";
import { createGemini, DEFAULT_GEMINI_MODEL } from "./gemini.ts";
import { createOllama } from "./ollama.ts";
import type { PromptBeginning, Provider } from "./provider.ts";

/** Makes the provider of this name. */
export function createProvider(
  name: ProviderName,
  config: Config,
  log: Log,
): Provider {
  const { thinking } = config;
  switch (name) {
    case "gemini":
      warnOfEnd(config.gemini.model, log);
      return createGemini({
        thinking,
        apiKey: config.gemini.apiKey ?? "",
        model: config.gemini.model,
        baseUrl: config.gemini.baseUrl,
      });
    case "ollama":
      return createOllama({
        ...config.ollama,
        contextTokens: config.agent.contextTokens,
        thinking,
        log,
      });
    case "echo":
      return createEcho();
  }
}

function warnOfEnd(model: string, log: Log): void {
  const end = findEnd(model);
  if (end === undefined) return;
  log.warn("provider.model_ends", {
    message: `Gemini model "${model}" ${end}: set GEMINI_MODEL to a current ` +
      `one, such as ${DEFAULT_GEMINI_MODEL}`,
  });
}

/** How long Ollama may take to show that it is there. */
const PROBE_TIMEOUT_MS = 1_000;

/**
 * The providers that the settings name, as one; where they name none, Gemini
 * when its key is set, else Ollama when it answers, else the stand-in.
 */
export async function chooseProvider(
  config: Config,
  log: Log,
): Promise<Provider> {
  const names = config.providers.length > 0
    ? config.providers
    : [await findProvider(config, log)];
  const { firstTokenTimeoutMs, stallTimeoutMs } = config;
  return createFailover(
    names.map((name) => createProvider(name, config, log)),
    {
      log,
      now: Date.now,
      firstTokenTimeoutMs,
      stallTimeoutMs,
    },
  );
}

async function findProvider(config: Config, log: Log): Promise<ProviderName> {
  if (config.gemini.apiKey !== undefined) return "gemini";
  if (await answers(config.ollama.host)) return "ollama";
  log.warn("provider.stand_in", {
    message: "No language model: answers come from a stand-in that echoes. " +
      "Set GOOGLE_GENERATIVE_AI_API_KEY, or start Ollama " +
      `(looked at ${config.ollama.host}), and start again`,
  });
  return "echo";
}

async function answers(host: string): Promise<boolean> {
  try {
    const response = await fetch(`${host}/api/version`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    // Not there, which is an answer too.
    return false;
  }
}

/**
 * Makes a provider ready in the background, with word in the log of how it
 * goes. A caller who comes before waits for the rest of it.
 */
export async function prepare(
  provider: Provider,
  beginning: PromptBeginning,
  log: Log,
): Promise<void> {
  if (provider.prepare === undefined) return;
  const { name } = provider;
  const startedAt = Date.now();
  log.info("provider.preparing", { provider: name });
  try {
    const signal = AbortSignal.timeout(PREPARE_TIMEOUT_MS);
    await provider.prepare(signal, beginning);
    const { model } = provider;
    const tookMs = Date.now() - startedAt;
    log.info("provider.ready", { provider: name, model, tookMs });
  } catch (error) {
    log.error("provider.not_ready", { provider: name, error });
  }
}

/** How long a model may take to load; large ones come from slow disks. */
const PREPARE_TIMEOUT_MS = 10 * 60_000;
