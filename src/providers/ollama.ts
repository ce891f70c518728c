/**
 * Ollama on the owner's own machine: its settings, how it is asked through
 * `npm:ollama`, and its diagnosis.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { ChatRequest } from "ollama";
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Setting, Values } from "../settings/setting.ts";
import { findings, toFinding } from "./_diagnosis.ts";
import {
  connect,
  toDuration,
  toOllamaUrl,
  toServer,
} from "./_ollama_client.ts";
import {
  createModelFinder,
  DEFAULT_MODEL,
  diagnoseModel,
  isSameModel,
  type ModelFinder,
} from "./_ollama_models.ts";
import {
  type Model,
  readLine,
  toKeepAlive,
  toLimit,
  toLines,
  toThink,
  toTools,
} from "./_ollama_wire.ts";
import { takeResponse, toFetch } from "./_sdk.ts";
import { placeOf, requestJson, type Server, toReadError } from "./_server.ts";
import { Answer, streamAnswer } from "./_stream.ts";
import {
  type PromptBeginning,
  type Provider,
  ProviderError,
  type ProviderPart,
  type ProviderRequest,
} from "./provider.ts";
import type { DiagnosisContext, Vendor, VendorContext } from "./vendor.ts";

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
      const response = await fetch(`${host}/api/version`, {
        signal,
        redirect: "manual",
      });
      await response.body?.cancel();
      return response.ok ? `it answers at ${host}` : undefined;
    } catch {
      // Not there, which is an answer too.
      return undefined;
    }
  },
  diagnose,
};

/** Makes a provider that asks Ollama. */
export function createOllama(
  options: Values<OllamaSettings>,
  { contextTokens, thinking, log }: VendorContext,
): Provider {
  const { keepAlive } = options;
  const finder = createModelFinder(options.model, log);
  const asked: Asked = {
    finder,
    server: toServer(options.host, finder.name),
    toRequest: ({ name, capabilities }, limit = {}) => ({
      model: name,
      keep_alive: toKeepAlive(keepAlive),
      // The window is always the same: another would load the model anew.
      options: { num_ctx: contextTokens, ...limit },
      think: toThink(name, thinking, capabilities),
    }),
  };
  return {
    name: "ollama",
    get model() {
      return finder.name();
    },
    stream: (request) =>
      stream(
        asked,
        request,
        ({ name }) => toLimit(request.maxTokens, name, thinking),
      ),
    async check(signal) {
      try {
        const client = await connect(
          asked.server,
          toFetch(asked.server, signal),
        );
        const { name } = await finder.find(client);
        await client.show({ model: name });
      } catch (error) {
        throw toReadError(asked.server, error);
      }
    },
    prepare: (signal, beginning) => prepare(asked, { ...beginning, signal }),
    isLoading: (signal) => isLoading(asked, signal),
  };
}

/** What every question to one Ollama needs. */
interface Asked {
  server: Server;
  finder: ModelFinder;
  /** What a request says of the model, and how long an answer may be. */
  toRequest(
    model: Model,
    limit?: { num_predict?: number },
  ): Omit<ChatRequest, "messages" | "stream">;
}

type OllamaQuestion =
  & PromptBeginning
  & Pick<ProviderRequest, "toolChoice" | "signal">;

function stream(
  { server, finder, toRequest }: Asked,
  question: OllamaQuestion,
  toLimitOf: (model: Model) => { num_predict?: number },
  answer?: Answer,
): AsyncIterable<ProviderPart> {
  return streamAnswer(server, {
    format: "ndjson",
    signal: question.signal,
    async send(signal) {
      const fetch = toFetch(server, signal);
      const model = await finder.find(await connect(server, fetch));
      return await takeResponse(async (fetch) => {
        const client = await connect(server, fetch);
        await client.chat({
          ...toRequest(model, toLimitOf(model)),
          messages: toLines(question),
          stream: true,
          ...toTools(question, model),
        });
      }, fetch);
    },
    read: (line, answer) => readLine(JSON.parse(line), answer),
  }, answer);
}

/** Loads the model and has it read the beginning, for which it must say a word. */
async function prepare(asked: Asked, question: OllamaQuestion): Promise<void> {
  const answer = new Answer("ollama");
  const limit = () => ({ num_predict: 1 });
  let parts = 0;
  try {
    for await (const _ of stream(asked, question, limit, answer)) {
      // One that says more than it was asked to is left.
      if (++parts >= 8) return;
    }
  } catch (error) {
    // An answer without a word is as good here.
    if (answer.end === undefined) throw error;
  }
}

/**
 * Ollama lists a model once it has begun to load it, and answers a request
 * without a prompt when it has loaded it.
 */
async function isLoading(
  { server, finder, toRequest }: Asked,
  signal: AbortSignal,
): Promise<boolean> {
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]);
  let isListed = false;
  try {
    const client = await connect(server, toFetch(server, inTime));
    const request = toRequest(await finder.find(client));
    const { models } = await client.ps();
    isListed = models.some(({ name }) => isSameModel(name, request.model));
    if (!isListed) return true;
    const askedAt = performance.now();
    await client.generate({ ...request, stream: false, prompt: "" });
    // It has loaded it just now, and has yet to read the prompt.
    return performance.now() - askedAt > LOADED_MS;
  } catch {
    return isListed && inTime.aborted && !signal.aborted;
  }
}

/** How long Ollama may take to tell whether it is loading a model. */
const LOOK_MS = 1_000;

/** A model that is loaded answers a request without a prompt sooner. */
const LOADED_MS = 250;

/** Looks at the server, then at the model. */
async function diagnose(
  values: Found<OllamaSettings>,
  context: DiagnosisContext,
): Promise<Finding[]> {
  const { ok, fail } = findings("ollama");
  const { signal } = context;
  // The provider's own way of choosing a model, so that both choose the same.
  const provider = createOllama(values, context);
  const server = toServer(values.host, () => provider.model);
  const all: Finding[] = [];
  try {
    type Version = { version: string };
    const { version } = await requestJson<Version>(
      server,
      "/api/version",
      signal,
    );
    if (version === undefined) {
      const what = `what answers at ${placeOf(server)} is not Ollama`;
      return [fail(what, "check OLLAMA_HOST")];
    }
    all.push(ok(`version ${version} answers at ${placeOf(server)}`));
    await provider.check(signal);
    const { model } = provider;
    const found = await diagnoseModel(server, model, context);
    return [...all, ...found];
  } catch (error) {
    const isMissing = all.length > 0 && error instanceof ProviderError &&
      error.status === 404;
    if (!isMissing) return [...all, toFinding(server, error)];
    const { model } = provider;
    const fix = `ollama pull ${model}, or deno task doctor --pull` +
      (values.model === undefined ? "" : "; or check OLLAMA_MODEL");
    const missing = fail(`model "${model}" is not pulled`, fix);
    return [...all, { ...missing, missingModel: model }];
  }
}
