/**
 * Ollama, on the owner's own machine: its settings, its provider, and the pull of
 * a model.
 *
 * @module
 */
import { toHttpUrl } from "../settings/kinds.ts";
import type { Settings } from "../settings/setting.ts";
import {
  connect,
  isLoading,
  type Model,
  readLine,
  toBody,
  toRequest,
} from "./_ollama_wire.ts";
import {
  readBodyText,
  request,
  requestBySdk,
  requestJson,
  type Server,
  toReadError,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import type { ProviderRequest } from "./provider.ts";
import type { Diagnosis, Vendor } from "./vendor.ts";

/** The model that is used when none is set, if it is pulled or no other is. */
export const DEFAULT_MODEL = "qwen3.5:4b";

/** Ollama's settings. */
export const settings = {
  host: {
    env: "OLLAMA_HOST",
    help:
      "Where Ollama listens. If this or the model is set, no stand-in answers: " +
      "until Ollama is there, callers hear `ERROR_MESSAGE`.",
    default: "http://127.0.0.1:11434",
    selects: true,
    parse: toOllamaUrl,
    expected: "an address such as http://127.0.0.1:11434",
  },
  model: {
    env: "OLLAMA_MODEL",
    help:
      `The Ollama model. Unset: ${DEFAULT_MODEL} if it is pulled, else the ` +
      "smallest pulled model that can chat.",
    selects: true,
    secret: false,
  },
  keepAlive: {
    env: "OLLAMA_KEEP_ALIVE",
    help: "How long the model stays in memory after a turn, so that the next " +
      "caller need not wait for it: a time such as 30m or 2h, -1 for good.",
    default: "30m",
    parse: toDuration,
    expected: "a time such as 30m or 2h, or -1 for good",
  },
} satisfies Settings;

/** How long the check for a running Ollama may take, in milliseconds: a caller may be waiting. */
const ANSWER_MS = 500;

/** Whether Ollama answers at this address. */
export function isOllamaRunning(host: string): Promise<boolean> {
  const server = toServer(host, () => DEFAULT_MODEL);
  const signal = AbortSignal.timeout(ANSWER_MS);
  return requestJson(server, "/api/version", signal)
    .then(() => true, () => false);
}

/**
 * Converts the value of `OLLAMA_HOST` to a URL to connect to. Ollama's own server
 * reads the same variable, so `0.0.0.0` and a bare `host:port` are common.
 *
 * @throws {TypeError} when it is not an address
 */
export function toOllamaUrl(value: string): string {
  const url = new URL(/^https?:\/\//i.test(value) ? value : `http://${value}`);
  if (url.port === "" && !/^https?:\/\//i.test(value)) url.port = "11434";
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return toHttpUrl(url.href);
}

function toDuration(text: string): string {
  if (/^(-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) return text;
  throw new SyntaxError(`Not a time: ${text}`);
}

function toServer(url: string, model: () => string): Server {
  return {
    provider: "ollama",
    url,
    addressEnv: "OLLAMA_HOST",
    settings,
    unreachable:
      "start it: ollama serve. Where it runs on another machine or outside the container, set " +
      "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others",
    explain(status, body) {
      if (status !== 404 || !/model .*not found/.test(body)) return undefined;
      const missingModel = model();
      return {
        what: `model "${missingModel}" is not pulled`,
        fix: `run \`ollama pull ${missingModel}\` or ` +
          "`deno task doctor --pull`, or check OLLAMA_MODEL",
        missingModel,
      };
    },
  };
}

/** Ollama, on the owner's own machine. */
export const ollama: Vendor<typeof settings> = {
  settings,
  create({ host, model: named, keepAlive }, { contextTokens, thinking, log }) {
    const defaults = { keepAlive, contextTokens, thinking };
    let known: Model | undefined;
    const toName = () => known?.name ?? named ?? DEFAULT_MODEL;
    const server = toServer(host, toName);

    async function findModel(signal: AbortSignal): Promise<Model> {
      if (known) return known;
      const name = named ?? await chooseModel(server, signal);
      const about = await describe(server, name, signal);
      // A concurrent request may have found it meanwhile.
      if (known) return known;
      if (named === undefined) log.info("ollama.model_chosen", { model: name });
      return known = { ...about, name };
    }

    async function ask(question: ProviderRequest, maxTokens?: number) {
      const { signal } = question;
      const body = toBody(question, await findModel(signal), defaults);
      if (maxTokens !== undefined) body.options.num_predict = maxTokens;
      return await requestBySdk(server, signal, async (fetch) => {
        const client = await connect(server, fetch);
        await client.chat(body);
      });
    }

    return {
      name: server.provider,
      get model() {
        return toName();
      },
      stream: (question) =>
        streamAnswer(server, question, {
          format: "ndjson",
          send: ask,
          read: (line, answer) => readLine(JSON.parse(line), answer),
        }),
      async check(signal) {
        const { name } = await findModel(signal);
        await describe(server, name, signal);
      },
      async prepare(signal, beginning) {
        // A model reads a prompt only to answer it, so it answers one token.
        const response = await ask({ ...beginning, signal }, 1);
        await readBodyText(response).catch((cause) => {
          throw toReadError(server, cause);
        });
      },
      isLoading: (signal) =>
        isLoading(
          server,
          async (signal) => toRequest(await findModel(signal), defaults),
          signal,
        ),
      diagnose: async (toolCount, signal) =>
        diagnoseModel(await findModel(signal), toolCount, contextTokens),
    };
  },
};

function diagnoseModel(
  { name, capabilities, model_info = {} }: Model,
  toolCount: number,
  contextTokens: number,
): Diagnosis[] {
  const fix = `set OLLAMA_MODEL to one that can, such as ${DEFAULT_MODEL}`;
  if (capabilities?.includes("completion") === false) {
    const detail = `${name} can't chat: it is for ${capabilities.join(", ")}`;
    return [{ status: "fail", detail, fix }];
  }
  const all: Diagnosis[] = [{ status: "ok", detail: `${name} is pulled` }];
  if (toolCount > 0 && capabilities?.includes("tools") === false) {
    all.push({
      status: "warn",
      detail: `${name} can't call tools, of which the agent has ${toolCount}`,
      fix,
    });
  }
  const [, window] = Object.entries(model_info)
    .find(([fact]) => fact.endsWith(".context_length")) ?? [];
  if (typeof window === "number" && window < contextTokens) {
    all.push({
      status: "warn",
      detail:
        `${name} takes ${window} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      fix: `set CONTEXT_TOKENS to ${window} or less`,
    });
  }
  return all;
}

function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Model>> {
  return requestJson<Model>(server, "/api/show", signal, { model });
}

/** Chooses the default model if it is pulled, otherwise the smallest that can chat. */
async function chooseModel(
  server: Server,
  signal: AbortSignal,
): Promise<string> {
  type Pulled = { models: { name: string; size: number }[] };
  const path = "/api/tags";
  const { models = [] } = await requestJson<Pulled>(server, path, signal);
  if (models.some(({ name }) => name === DEFAULT_MODEL)) return DEFAULT_MODEL;
  const bySize = models
    // Models of Ollama's cloud have entries of a few hundred bytes, and do not run on this machine.
    .filter(({ size }) => size > 1_000_000)
    .sort((a, b) => a.size - b.size);
  for (const { name } of bySize) {
    const { capabilities } = await describe(server, name, signal);
    if (capabilities?.includes("completion") ?? true) return name;
  }
  return DEFAULT_MODEL;
}

/**
 * Pulls a model. After a failure, the next pull continues where this one stopped.
 *
 * @param onProgress called with the bytes pulled so far, and the total known so far
 */
export async function pull(
  host: string,
  model: string,
  onProgress: (completed: number, total: number) => void,
): Promise<void> {
  const over = new AbortController();
  const server = toServer(host, () => model);
  const client = await connect(
    server,
    (url, init) => request(server, url, { ...init, signal: over.signal }),
  );
  const layers = new Map<string, { completed?: number; total?: number }>();
  try {
    for await (const step of await client.pull({ model, stream: true })) {
      layers.set(step.digest, step);
      let [completed, total] = [0, 0];
      for (const layer of layers.values()) {
        completed += layer.completed ?? 0;
        total += layer.total ?? 0;
      }
      onProgress(completed, total);
    }
  } finally {
    // The SDK leaves the connection open.
    over.abort();
  }
}
