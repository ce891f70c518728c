/**
 * A server of OpenAI's chat completions: its models, and what its refusals mean.
 *
 * @module
 */
import { placeOf, type Refusal, requestJson, type Server } from "./_server.ts";
import { ProviderError } from "./provider.ts";

/** How to get a key. */
export const GET_A_KEY =
  "get a key at https://platform.openai.com/api-keys, or from whoever runs OPENAI_BASE_URL";

/** A model in a server's list. */
export interface ListedModel {
  /** What it is asked for by. */
  id: string;
  /** When OpenAI ends it, where that is known: `YYYY-MM-DD`. */
  shutdown_date?: string | null;
}

/** A server's models that can chat; none where it doesn't list them. */
export async function listModels(
  server: Server,
  signal: AbortSignal,
): Promise<ListedModel[]> {
  type List = { data: ListedModel[] };
  try {
    const { data } = await requestJson<List>(server, "/models", signal);
    const list = Array.isArray(data) ? data : [];
    return list.filter(({ id }) => !/embed/i.test(id));
  } catch (error) {
    if (error instanceof ProviderError && error.status === 404) return [];
    throw error;
  }
}

/**
 * The model of a server that has only one.
 *
 * @throws {ProviderError} when there are several or none
 */
export function findOnly(
  server: Server,
  models: readonly ListedModel[],
): string {
  const [only] = models;
  if (only !== undefined && models.length === 1) return only.id;
  const message = `${notNamed(server, models)}: set OPENAI_MODEL`;
  throw new ProviderError(message, { provider: "openai", retryable: false });
}

/** Says that no model is named, and which there are. */
export function notNamed(
  server: Server,
  models: readonly ListedModel[],
): string {
  const has = models.length === 0
    ? "lists no model"
    : `has ${models.length} models, such as ${
      models.slice(0, 3).map(({ id }) => id).join(", ")
    }`;
  return `OPENAI_MODEL is not set, and ${placeOf(server)} ${has}`;
}

/** The server of these settings. */
export function toServer(
  { apiKey, baseUrl }: { apiKey?: string; baseUrl: string },
  model: () => string | undefined,
): Server {
  return {
    provider: "openai",
    url: baseUrl,
    headers: {
      "content-type": "application/json",
      ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}),
    },
    addressEnv: "OPENAI_BASE_URL",
    unreachable: "check the network and OPENAI_BASE_URL; start that server",
    asked: () => `model "${model()}"`,
    explain: (status, body) => toRefusals(body, model())[status],
  };
}

/** What its refusals mean, and how to fix them. */
function toRefusals(
  body: string,
  model: string | undefined,
): Record<number, Refusal> {
  const noCredit = {
    what: "the account's credit is used up",
    fix: "top it up",
    retryable: false,
  };
  const tooMuch = {
    what: "too much was asked for now (429)",
    fix: "wait, or raise the limit",
  };
  return {
    401: { what: "the API key is not valid (401)", fix: GET_A_KEY },
    402: noCredit,
    403: {
      what: "the API key may not use it (403)",
      fix: "check OPENAI_API_KEY",
    },
    404: {
      what: `there is no model "${model}" there, or no chat completions (404)`,
      fix: "check OPENAI_MODEL and OPENAI_BASE_URL, which mostly ends in /v1",
    },
    // OpenAI says the same of an account without credit, which doesn't pass.
    429: /insufficient_quota/.test(body) ? noCredit : tooMuch,
  };
}
