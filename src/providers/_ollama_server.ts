/**
 * Ollama's server: what its refusals mean, which models it has, and what is
 * wrong with the one that was chosen.
 *
 * @module
 */
import type { Log } from "../server/log.ts";
import type { Model } from "./_ollama_wire.ts";
import { placeOf, requestJson, type Server } from "./_server.ts";
import { ProviderError } from "./provider.ts";
import { fail, ok, type Remark, warn } from "./vendor.ts";

/** The model that is asked for when none is named and none is installed. */
export const DEFAULT_MODEL = "qwen3.5:4b";

/**
 * The server at this address.
 *
 * @param model tells which model is asked for
 */
export function toServer(url: string, model: () => string): Server {
  return {
    provider: "ollama",
    url,
    addressEnv: "OLLAMA_HOST",
    unreachable:
      "start it: ollama serve. Where it runs on another machine or outside the container, set " +
      "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others",
    explain(status, body) {
      if (status !== 404) return undefined;
      if (/model .*not found/.test(body)) {
        const what = `model "${model()}" is not pulled`;
        return { what, fix: `run \`ollama pull ${model()}\`` };
      }
      const what = `what answers at ${placeOf({ url })} is not Ollama`;
      return { what: `${what} (status 404)`, fix: "check OLLAMA_HOST" };
    },
  };
}

/** Finds out which model is to be asked, and what it can do: once. */
export interface ModelFinder {
  /** The model as far as is known yet. */
  name(): string;
  /** @throws {ProviderError} when there is none */
  find(signal: AbortSignal): Promise<Model>;
}

/** Makes what finds the model that is named or, where none is, chooses one. */
export function createModelFinder(
  server: Server,
  named: string | undefined,
  log: Log,
): ModelFinder {
  let known: Model | undefined;
  return {
    name: () => known?.name ?? named ?? DEFAULT_MODEL,
    async find(signal) {
      if (known) return known;
      const model = named ?? await chooseModel(server, signal);
      const about = await describe(server, model, signal);
      // Another question may have found it out meanwhile.
      if (known) return known;
      known = { ...about, name: model };
      if (named === undefined) {
        const why = "the default where it is pulled, else the smallest that " +
          "can chat";
        log.info("ollama.model_chosen", { model, why });
      }
      return known;
    },
  };
}

/** Asks what a model can do. */
export function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Model>> {
  return requestJson<Model>(server, "/api/show", signal, { model });
}

async function chooseModel(
  server: Server,
  signal: AbortSignal,
): Promise<string> {
  type Pulled = { models: { name: string; size: number }[] };
  const { models = [] } = await requestJson<Pulled>(
    server,
    "/api/tags",
    signal,
  );
  if (models.some(({ name }) => name === DEFAULT_MODEL)) return DEFAULT_MODEL;
  const bySize = models
    // Entries of Ollama's cloud are a few hundred bytes: not on this machine.
    .filter(({ size }) => size > 1_000_000)
    .sort((a, b) => a.size - b.size);
  for (const { name } of bySize) {
    const { capabilities } = await describe(server, name, signal);
    if (capabilities?.includes("completion") ?? true) return name;
  }
  return DEFAULT_MODEL;
}

/** Whether two names mean the same model. Without a tag, a name means the tag `latest`. */
export function isSameModel(listed: string, asked: string): boolean {
  return listed === asked || listed === `${asked}:latest`;
}

const GET_ANOTHER =
  `set OLLAMA_MODEL to one that can, such as ${DEFAULT_MODEL}`;

/** Looks at the server, then at the model. */
export async function* diagnose(
  server: Server,
  finder: ModelFinder,
  { contextTokens, toolCount, signal }: {
    contextTokens: number;
    toolCount: number;
    signal: AbortSignal;
  },
): AsyncGenerator<Remark> {
  type Version = { version: string };
  const path = "/api/version";
  const { version } = await requestJson<Version>(server, path, signal);
  if (version === undefined) {
    const what = `what answers at ${placeOf(server)} is not Ollama`;
    return yield fail(what, "check OLLAMA_HOST");
  }
  yield ok(`version ${version} answers at ${placeOf(server)}`);
  let model: Model;
  try {
    model = await finder.find(signal);
  } catch (error) {
    if (!(error instanceof ProviderError && error.status === 404)) throw error;
    const name = finder.name();
    const fix =
      `ollama pull ${name}, or deno task doctor --pull; or check OLLAMA_MODEL`;
    const missing = fail(`model "${name}" is not pulled`, fix);
    return yield { ...missing, missingModel: name };
  }
  yield* judge(model, contextTokens, toolCount);
}

function* judge(
  { name, capabilities, model_info = {}, remote_host }: Model,
  contextTokens: number,
  toolCount: number,
): Generator<Remark> {
  if (capabilities?.includes("completion") === false) {
    const what = `can't chat: it is for ${capabilities.join(", ")}`;
    return yield fail(`model "${name}" ${what}`, GET_ANOTHER);
  }
  yield remote_host
    ? warn(
      `model "${name}" runs in Ollama's cloud: what callers say leaves this machine`,
      `set OLLAMA_MODEL to one that runs here, such as ${DEFAULT_MODEL}`,
    )
    : ok(`${name} is pulled`);
  if (capabilities?.includes("tools") === false && toolCount > 0) {
    const what = `can't call tools, of which the agent has ${toolCount}`;
    yield warn(`model "${name}" ${what}`, GET_ANOTHER);
  }
  const [, window] = Object.entries(model_info)
    .find(([key]) => key.endsWith(".context_length")) ?? [];
  if (typeof window === "number" && window < contextTokens) {
    yield warn(
      `model "${name}" takes ${window} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${window} or less`,
    );
  }
}
