/**
 * Which language models would answer, and whether they can.
 *
 * @module
 */
import { createLog, explain } from "../../server/log.ts";
import {
  choose,
  createProvider,
  type ProviderName,
} from "../../providers/mod.ts";
import { checkGemini } from "./gemini.ts";
import { checkOllama } from "./ollama.ts";
import type { Finding } from "../../settings/finding.ts";
import { type Check, type Context, findings } from "./result.ts";

const { ok, warn, skipped } = findings("language model");

/** Vendors about which more can be said than their own provider does. */
const CLOSER_LOOKS: Partial<Record<ProviderName, Check>> = {
  gemini: checkGemini,
  ollama: checkOllama,
};

/** Looks at each provider that the server would choose. */
export async function checkModels(
  context: Context,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { names, why, isStandIn } = await choose(context.config);
  if (names[0] === "echo") {
    const more = names.length > 1
      ? await checkEach(names.slice(1), context, signal)
      : [];
    return [
      warn(
        `only echo, a stand-in that repeats what it hears: ${why}`,
        isStandIn
          ? "start Ollama (ollama serve), which the server finds by itself, or set GOOGLE_GENERATIVE_AI_API_KEY"
          : "set LLM_PROVIDER to another, or unset it",
      ),
      ...more,
    ];
  }
  return [
    ok(`${names.join(", then ")}, since ${why}`),
    ...await checkEach(names, context, signal),
  ];
}

async function checkEach(
  names: readonly ProviderName[],
  context: Context,
  signal: AbortSignal,
): Promise<Finding[]> {
  const results = await Promise.all(names.map((name) => {
    if (name === "echo") return [skipped("echo needs nothing")];
    const check = CLOSER_LOOKS[name] ?? checkProvider(name);
    return check(context, signal);
  }));
  return results.flat();
}

/** What a provider says of itself. */
function checkProvider(name: ProviderName): Check {
  const { ok, fail } = findings(name);
  return async ({ config }, signal) => {
    const quiet = createLog({ level: "error", format: "json", write() {} });
    const provider = createProvider(name, config, quiet);
    try {
      await provider.check(signal);
    } catch (error) {
      return [fail(explain(error), `check the settings of ${name}`)];
    }
    return [ok(`${provider.model} answers`)];
  };
}
