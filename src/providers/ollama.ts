/**
 * Ollama on the owner's own machine: its settings, and how it is asked and made
 * ready.
 *
 * @module
 */
import { toHttpUrl } from "../settings/kinds.ts";
import type { Settings, Values } from "../settings/setting.ts";
import {
  chat,
  isLoading,
  type Model,
  readLine,
  toBody,
  toRequest,
  toServer,
} from "./_ollama_wire.ts";
import { readText, requestJson, type Server, toReadError } from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import type {
  Remark,
  Vendor,
  VendorContext,
  VendorProvider,
} from "./vendor.ts";

/** The model that is asked for when none is named and none is installed. */
export const DEFAULT_MODEL = "qwen3.5:4b";

/** Ollama's settings. */
export const ollamaSettings = {
  host: {
    env: "OLLAMA_HOST",
    help:
      "Where Ollama listens. Whoever sets this or the model means Ollama: an " +
      "answer then waits for it to be there, and callers hear ERROR_MESSAGE meanwhile.",
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

/** Ollama, on the owner's own machine. */
export const ollama: Vendor<typeof ollamaSettings> = {
  settings: ollamaSettings,
  create: createOllama,
  async find({ host }, signal) {
    try {
      const path = `${host}/api/version`;
      const response = await fetch(path, { signal, redirect: "manual" });
      await response.body?.cancel();
      return response.ok ? `it answers at ${host}` : undefined;
    } catch {
      // Not there, which is an answer too.
      return undefined;
    }
  },
};

/**
 * Makes an address that can be dialled of what `OLLAMA_HOST` may hold. Ollama's
 * own server reads the same variable, so `0.0.0.0` and a bare `host:port` are
 * normal there.
 *
 * @throws {TypeError} when it is no address
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

/** Makes a provider that asks Ollama. */
export function createOllama(
  { host, model: named, keepAlive }: Values<typeof ollamaSettings>,
  { contextTokens, thinking, log }: VendorContext,
): VendorProvider {
  const asking = { keepAlive, contextTokens, thinking };
  let known: Model | undefined;
  const toName = () => known?.name ?? named ?? DEFAULT_MODEL;
  const server = toServer(host, ollamaSettings, toName);

  async function find(signal: AbortSignal): Promise<Model> {
    if (known) return known;
    const name = named ?? await chooseModel(server, signal);
    const about = await describe(server, name, signal);
    // Another question may have found it out meanwhile.
    if (known) return known;
    if (named === undefined) log.info("ollama.model_chosen", { model: name });
    return known = { ...about, name };
  }

  return {
    name: server.provider,
    get model() {
      return toName();
    },
    stream: (request) =>
      streamAnswer(server, request, {
        format: "ndjson",
        async send(request) {
          const { signal } = request;
          const body = toBody(request, await find(signal), asking);
          return await chat(server, body, signal);
        },
        read: (line, answer) => readLine(JSON.parse(line), answer),
      }),
    async check(signal) {
      const { name } = await find(signal);
      await describe(server, name, signal);
    },
    async prepare(signal, beginning) {
      const request = { ...beginning, signal };
      const body = toBody(request, await find(signal), asking);
      // It has to say a word to read the beginning.
      body.options.num_predict = 1;
      const response = await chat(server, body, signal);
      await readText(response).catch((cause) => {
        throw toReadError(server, cause);
      });
    },
    async isLoading(signal) {
      const request = async (signal: AbortSignal) =>
        toRequest(await find(signal), asking);
      return await isLoading(server, request, signal);
    },
    diagnose: async (toolCount, signal) =>
      judge(await find(signal), toolCount, contextTokens),
  };
}

function judge(
  { name, capabilities, model_info = {} }: Model,
  toolCount: number,
  contextTokens: number,
): Remark[] {
  if (capabilities?.includes("completion") === false) {
    return [{
      status: "fail",
      detail: `${name} can't chat: it is for ${capabilities.join(", ")}`,
      fix: `set OLLAMA_MODEL to one that can, such as ${DEFAULT_MODEL}`,
    }];
  }
  const all: Remark[] = [{ status: "ok", detail: `${name} is pulled` }];
  if (toolCount > 0 && capabilities?.includes("tools") === false) {
    all.push({
      status: "warn",
      detail: `${name} can't call tools, of which the agent has ${toolCount}`,
      fix: `set OLLAMA_MODEL to one that can, such as ${DEFAULT_MODEL}`,
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

/** Asks what a model can do. */
function describe(
  server: Server,
  model: string,
  signal: AbortSignal,
): Promise<Partial<Model>> {
  return requestJson<Model>(server, "/api/show", signal, { model });
}

/** Chooses the default model where it is pulled, else the smallest that can chat. */
async function chooseModel(
  server: Server,
  signal: AbortSignal,
): Promise<string> {
  type Pulled = { models: { name: string; size: number }[] };
  const path = "/api/tags";
  const { models = [] } = await requestJson<Pulled>(server, path, signal);
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
