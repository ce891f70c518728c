/**
 * Whether Ollama answers and has a model that can do what Parley asks of it.
 *
 * https://docs.ollama.com/api
 *
 * @module
 */
import { createLog, explain } from "../../server/log.ts";
import { createOllama, DEFAULT_OLLAMA_MODEL } from "../../providers/ollama.ts";
import { ProviderError } from "../../providers/provider.ts";
import { ask, type Reply, shown, toObject, whyUnreachable } from "./net.ts";
import type { Finding } from "../../settings/finding.ts";
import { type Context, findings } from "./result.ts";

const { ok, warn, fail } = findings("ollama");

/** Looks at the server, then at the model. */
export async function checkOllama(
  { config }: Context,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { host } = config.vendors.ollama;
  let reply: Reply;
  try {
    reply = await ask(`${host}/api/version`, { signal });
  } catch (error) {
    return [
      fail(
        `cannot reach ${shown(host)}: ${whyUnreachable(error)}`,
        "start it: ollama serve. Where it runs on another machine or outside the container, set " +
          "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others",
      ),
    ];
  }
  const { version } = reply.json;
  if (reply.status !== 200 || typeof version !== "string") {
    return [
      fail(
        `what answers at ${shown(host)} is not Ollama (status ${reply.status})`,
        "check OLLAMA_HOST",
      ),
    ];
  }
  const server = ok(`version ${version} answers at ${shown(host)}`);
  const contextTokens = config.agent.contextTokens;
  // The provider's own way of choosing a model, so that both choose the same.
  const provider = createOllama({
    ...config.vendors.ollama,
    contextTokens,
    thinking: config.thinking,
    log: createLog({ level: "error", format: "json", write() {} }),
  });
  try {
    await provider.check(signal);
  } catch (error) {
    return [server, explainModel(error, provider.model)];
  }
  const { model } = provider;
  return [server, ...await checkModel(host, model, contextTokens, signal)];
}

function explainModel(error: unknown, model: string): Finding {
  const known = error instanceof ProviderError ? error : undefined;
  const isMissing = known?.status === 404 ||
    (known?.status === undefined && known?.retryable === false);
  if (!isMissing) {
    return fail(explain(error), "look at Ollama's own log");
  }
  const fix = `ollama pull ${model}, or deno task doctor --pull` +
    (model === DEFAULT_OLLAMA_MODEL ? "" : "; or check OLLAMA_MODEL");
  return {
    ...fail(`model "${model}" is not pulled`, fix),
    missingModel: model,
  };
}

/** What the model can, and whether it is in memory. */
async function checkModel(
  host: string,
  model: string,
  contextTokens: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  const [{ json: about }, { json: memory }] = await Promise.all([
    ask(`${host}/api/show`, {
      method: "POST",
      body: JSON.stringify({ model }),
      signal,
    }),
    ask(`${host}/api/ps`, { signal }),
  ]);
  const can = Array.isArray(about.capabilities)
    ? about.capabilities
    : undefined;
  if (can && !can.includes("completion")) {
    return [
      fail(
        `model "${model}" can't chat: it is for ${can.join(", ")}`,
        `set OLLAMA_MODEL to one that can, such as ${DEFAULT_OLLAMA_MODEL}`,
      ),
    ];
  }
  const results: Finding[] = [];
  if (about.remote_host || about.remote_model) {
    results.push(warn(
      `model "${model}" runs in Ollama's cloud: what callers say leaves this machine`,
      `set OLLAMA_MODEL to one that runs here, such as ${DEFAULT_OLLAMA_MODEL}`,
    ));
  } else results.push(describeMemory(model, memory));
  const { tools } = await import("../../agent/mod.ts");
  if (can && !can.includes("tools") && tools.length > 0) {
    results.push(warn(
      `model "${model}" can't call tools, of which the agent has ${tools.length}`,
      `set OLLAMA_MODEL to one that can, such as ${DEFAULT_OLLAMA_MODEL}`,
    ));
  }
  const window = findWindow(about);
  if (window !== undefined && window < contextTokens) {
    results.push(warn(
      `model "${model}" takes ${window} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${window} or less`,
    ));
  }
  return results;
}

/** Not being loaded is normal while no server runs. */
function describeMemory(
  model: string,
  { models }: Record<string, unknown>,
): Finding {
  const list: unknown[] = Array.isArray(models) ? models : [];
  const entry = list.map((item) => toObject(JSON.stringify(item)))
    .find(({ name }) => name === model || name === `${model}:latest`);
  if (entry === undefined) {
    return ok(
      `${model} is pulled, and not loaded: the server loads it when it starts`,
    );
  }
  const gigabytes = (Number(entry.size) / 1e9).toFixed(1);
  const until = new Date(String(entry.expires_at));
  const forGood = until.getTime() > Date.now() + 365 * 24 * 3600 * 1000;
  const time = forGood ? "for good" : `until ${until.toLocaleTimeString()}`;
  return ok(`${model} is loaded, ${gigabytes} GB, ${time}`);
}

/** The longest context that the model was made for. */
function findWindow({ model_info }: Record<string, unknown>) {
  if (typeof model_info !== "object" || model_info === null) return undefined;
  for (const [name, value] of Object.entries(model_info)) {
    if (name.endsWith(".context_length") && typeof value === "number") {
      return value;
    }
  }
  return undefined;
}
