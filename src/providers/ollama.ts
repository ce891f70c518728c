/**
 * Ollama on the owner's own machine: its settings, how a model is chosen, asked
 * through `npm:ollama` and made ready, and its diagnosis.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { Ollama } from "ollama";
import { toHttpUrl } from "../settings/kinds.ts";
import type { Defaulted, Setting, Values } from "../settings/setting.ts";
import {
  createModelFinder,
  DEFAULT_MODEL,
  describe,
  diagnose,
  isSameModel,
  type ModelFinder,
  toServer,
} from "./_ollama_server.ts";
import {
  type Asking,
  readLine,
  toLimit,
  toLines,
  toRequest,
  toTools,
} from "./_ollama_wire.ts";
import {
  type Fetch,
  requestBySdk,
  requestJson,
  type Server,
  toReadError,
} from "./_server.ts";
import { streamAnswer } from "./_stream.ts";
import type { ProviderRequest } from "./provider.ts";
import type { Vendor, VendorContext, VendorProvider } from "./vendor.ts";

/** Ollama's settings. */
export type OllamaSettings = {
  host: Defaulted;
  model: Setting;
  keepAlive: Defaulted;
};

/** Ollama, on the owner's own machine. */
export const ollama: Vendor<OllamaSettings> = {
  settings: {
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
      help:
        "How long the model stays in memory after a turn, so that the next " +
        "caller need not wait for it: a time such as 30m or 2h, -1 for good.",
      default: "30m",
      parse: toDuration,
      expected: "a time such as 30m or 2h, or -1 for good",
    },
  },
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
  { host, model, keepAlive }: Values<OllamaSettings>,
  { contextTokens, thinking, log }: VendorContext,
): VendorProvider {
  const server = toServer(host, () => finder.name());
  const finder = createModelFinder(server, model, log);
  const asked: Asked = {
    server,
    finder,
    asking: { keepAlive, contextTokens, thinking },
  };
  return {
    name: server.provider,
    get model() {
      return finder.name();
    },
    stream: (request) =>
      streamAnswer(server, {
        format: "ndjson",
        signal: request.signal,
        send: (signal) => send(asked, { ...request, signal }),
        read: (line, answer) => readLine(JSON.parse(line), answer),
      }),
    async check(signal) {
      const { name } = await finder.find(signal);
      await describe(server, name, signal);
    },
    async prepare(signal, beginning) {
      try {
        // It has to say a word to read the beginning.
        const response = await send(asked, { ...beginning, signal }, 1);
        await response.text();
      } catch (error) {
        throw toReadError(server, error);
      }
    },
    isLoading: (signal) => isLoading(asked, signal),
    diagnose: (toolCount, signal) =>
      diagnose(server, finder, { contextTokens, toolCount, signal }),
  };
}

/** What every question to one Ollama needs. */
interface Asked {
  server: Server;
  finder: ModelFinder;
  asking: Asking;
}

async function send(
  { server, finder, asking }: Asked,
  question: ProviderRequest,
  mostTokens?: number,
): Promise<Response> {
  const { signal } = question;
  const model = await finder.find(signal);
  const limit = mostTokens === undefined
    ? toLimit(question.maxTokens, model, asking)
    : { num_predict: mostTokens };
  const request = toRequest(model, asking, limit);
  const messages = toLines(question);
  const tools = toTools(question, model);
  return await requestBySdk(server, signal, async (fetch) => {
    const client = await connect(server, fetch);
    await client.chat({ ...request, messages, ...tools, stream: true });
  });
}

let sdk: Promise<typeof import("ollama")> | undefined;

/**
 * Makes a client that asks by this `fetch`: one for each question, since an
 * abort ends all streams of a client. The SDK takes 140 million instructions to
 * load: only for those who use it.
 */
export async function connect(
  { url: host }: Server,
  fetch: Fetch,
): Promise<Ollama> {
  const { Ollama } = await (sdk ??= import("ollama"));
  return new Ollama({ host, fetch });
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;

/**
 * Ollama lists a model once it has begun to load it, and answers a request
 * without a prompt when it has loaded it.
 */
async function isLoading(
  { server, finder, asking }: Asked,
  signal: AbortSignal,
): Promise<boolean> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  type Loaded = { models: { name: string }[] };
  let isListed = false;
  try {
    const request = toRequest(await finder.find(inTime), asking);
    const { models = [] } = await requestJson<Loaded>(
      server,
      "/api/ps",
      inTime,
    );
    isListed = models.some(({ name }) => isSameModel(name, request.model));
    if (!isListed) return true;
    const askedAt = performance.now();
    const body = { ...request, stream: false, prompt: "" };
    await requestJson(server, "/api/generate", inTime, body);
    // It has loaded it just now, and has yet to read the prompt.
    return performance.now() - askedAt > LOADED_MS;
  } catch {
    return isListed && inTime.aborted && !signal.aborted;
  }
}
