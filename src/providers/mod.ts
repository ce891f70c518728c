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
import { createGemini } from "./gemini.ts";
import { createOllama } from "./ollama.ts";
import type { Provider } from "./provider.ts";

/** Makes the provider of this name. */
export function createProvider(name: ProviderName, config: Config): Provider {
  switch (name) {
    case "gemini":
      return createGemini({
        apiKey: config.gemini.apiKey ?? "",
        model: config.gemini.model,
        baseUrl: config.gemini.baseUrl,
      });
    case "ollama":
      return createOllama({
        ...config.ollama,
        contextTokens: config.agent.contextTokens,
      });
    case "echo":
      return createEcho();
  }
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
  return createFailover(names.map((name) => createProvider(name, config)), {
    log,
    now: Date.now,
    firstTokenTimeoutMs,
    stallTimeoutMs,
  });
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
