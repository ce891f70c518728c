/**
 * Which models an Ollama has, and what each can do: to choose one, and to say
 * what is wrong with the one that was chosen.
 *
 * @module
 */
import type { Ollama } from "ollama";
import type { Finding } from "../settings/finding.ts";
import type { Log } from "../server/log.ts";
import { findings } from "./_diagnosis.ts";
import type { Model } from "./_ollama_wire.ts";
import { requestJson, type Server } from "./_server.ts";
import { ProviderError } from "./provider.ts";
import type { DiagnosisContext } from "./vendor.ts";

/** The model that is asked for when none is named and none is installed. */
export const DEFAULT_MODEL = "qwen3.5:4b";

/** Finds out which model is to be asked, and what it can do: once. */
export interface ModelFinder {
  /** The model as far as is known yet. */
  name(): string;
  /** @throws {ProviderError} when there is none that can chat */
  find(client: Ollama): Promise<Model>;
}

/**
 * Makes what finds the model.
 *
 * @param named where absent: the default model when it is installed, else the
 * smallest installed one that can chat
 */
export function createModelFinder(
  named: string | undefined,
  log: Log,
): ModelFinder {
  let known: Model | undefined;
  return {
    name: () => known?.name ?? named ?? DEFAULT_MODEL,
    async find(client) {
      if (known) return known;
      const model = named ?? await chooseModel(client);
      const { capabilities } = await client.show({ model });
      // Another question may have found it out meanwhile.
      if (known) return known;
      known = { name: model, capabilities };
      if (named === undefined) {
        const why = model === DEFAULT_MODEL
          ? "it is the default"
          : `${DEFAULT_MODEL} is not pulled, and this is the smallest that can chat`;
        log.info("ollama.model_chosen", { model, why });
      }
      return known;
    },
  };
}

async function chooseModel(client: Ollama): Promise<string> {
  const { models } = await client.list();
  if (models.some(({ name }) => name === DEFAULT_MODEL)) return DEFAULT_MODEL;
  const bySize = models
    // Entries of Ollama's cloud are a few hundred bytes: not on this machine.
    .filter(({ size }) => size > 1_000_000)
    .sort((a, b) => a.size - b.size);
  for (const { name } of bySize) {
    const { capabilities } = await client.show({ model: name });
    if (capabilities?.includes("completion") ?? true) return name;
  }
  throw new ProviderError(
    `Ollama has no model that can chat: run \`ollama pull ${DEFAULT_MODEL}\``,
    { provider: "ollama", status: 404, retryable: false },
  );
}

/** Whether two names mean the same model. Without a tag, a name means the tag `latest`. */
export function isSameModel(listed: string, asked: string): boolean {
  return listed === asked || listed === `${asked}:latest`;
}

const { ok, warn, fail } = findings("ollama");
const GET_ANOTHER =
  `set OLLAMA_MODEL to one that can, such as ${DEFAULT_MODEL}`;

/** What Ollama says of a model. */
interface Description {
  capabilities: string[];
  model_info: Record<string, unknown>;
  remote_host: string;
  remote_model: string;
}

/** A model in memory. */
interface LoadedModel {
  name: string;
  size: number;
  expires_at: string;
}

/** What a model can do, and whether it is in memory. */
export async function diagnoseModel(
  server: Server,
  model: string,
  { contextTokens, toolCount, signal }: DiagnosisContext,
): Promise<Finding[]> {
  const [about, { models: loaded = [] }] = await Promise.all([
    requestJson<Description>(server, "/api/show", signal, { model }),
    requestJson<{ models: LoadedModel[] }>(server, "/api/ps", signal),
  ]);
  const can = about.capabilities;
  if (can?.includes("completion") === false) {
    const what = `can't chat: it is for ${can.join(", ")}`;
    return [fail(`model "${model}" ${what}`, GET_ANOTHER)];
  }
  const all: Finding[] = [];
  if (about.remote_host || about.remote_model) {
    all.push(warn(
      `model "${model}" runs in Ollama's cloud: what callers say leaves this machine`,
      `set OLLAMA_MODEL to one that runs here, such as ${DEFAULT_MODEL}`,
    ));
  } else all.push(describeMemory(model, loaded));
  if (can?.includes("tools") === false && toolCount > 0) {
    const what = `can't call tools, of which the agent has ${toolCount}`;
    all.push(warn(`model "${model}" ${what}`, GET_ANOTHER));
  }
  const window = findWindow(about.model_info ?? {});
  if (window !== undefined && window < contextTokens) {
    all.push(warn(
      `model "${model}" takes ${window} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${window} or less`,
    ));
  }
  return all;
}

/** Not being loaded is normal while no server runs. */
function describeMemory(
  model: string,
  loaded: readonly LoadedModel[],
): Finding {
  const entry = loaded.find(({ name }) => isSameModel(name, model));
  if (entry === undefined) {
    return ok(
      `${model} is pulled, and not loaded: the server loads it when it starts`,
    );
  }
  const gigabytes = (entry.size / 1e9).toFixed(1);
  const until = new Date(entry.expires_at);
  const isForGood = until.getTime() > Date.now() + 365 * 24 * 3600 * 1000;
  const time = isForGood ? "for good" : `until ${until.toLocaleTimeString()}`;
  return ok(`${model} is loaded, ${gigabytes} GB, ${time}`);
}

/** The longest context that the model was made for. */
function findWindow(info: Record<string, unknown>): number | undefined {
  const [, window] =
    Object.entries(info).find(([name]) => name.endsWith(".context_length")) ??
      [];
  return typeof window === "number" ? window : undefined;
}
