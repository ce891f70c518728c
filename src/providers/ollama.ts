/**
 * Ollama on the owner's own machine: its settings, how it is asked through
 * `npm:ollama`, and its diagnosis.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import type { Finding } from "../settings/finding.ts";
import type { Defaulted, Found, Setting, Values } from "../settings/setting.ts";
import { findings, toFinding } from "./_diagnosis.ts";
import { type Asked, isLoading, prepare, stream } from "./_ollama_chat.ts";
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
} from "./_ollama_models.ts";
import { toKeepAlive, toLimit, toThink } from "./_ollama_wire.ts";
import { toFetch } from "./_sdk.ts";
import { placeOf, requestJson, toReadError } from "./_server.ts";
import { type Provider, ProviderError } from "./provider.ts";
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
    const fix = `ollama pull ${model}` +
      (values.model === undefined ? "" : "; or check OLLAMA_MODEL");
    return [...all, fail(`model "${model}" is not pulled`, fix)];
  }
}
