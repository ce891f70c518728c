/**
 * Whether Gemini takes the key and has the model. Its description is asked
 * for, which spends no tokens.
 *
 * https://ai.google.dev/api/models#method:-models.get
 *
 * @module
 */
import { DEFAULT_GEMINI_MODEL } from "../../providers/gemini.ts";
import { findEnd } from "../../providers/_gemini_wire.ts";
import {
  ask,
  looksLikeExample,
  type Reply,
  shown,
  whyUnreachable,
} from "./net.ts";
import type { Finding } from "../../settings/finding.ts";
import { type Context, findings } from "./result.ts";

const { ok, warn, fail } = findings("gemini");

const GET_A_KEY =
  "get a key at https://aistudio.google.com/apikey and set GOOGLE_GENERATIVE_AI_API_KEY";
const GET_A_MODEL =
  `set GEMINI_MODEL to a current one, such as ${DEFAULT_GEMINI_MODEL}`;

/** Looks at the key, the model and how long there will be that model. */
export async function checkGemini(
  { config, now }: Context,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { apiKey = "", model, baseUrl } = config.vendors.gemini;
  const wrongShape = judgeKey(apiKey);
  if (wrongShape) return [fail(wrongShape, GET_A_KEY)];
  const end = judgeEnd(model, now());
  let reply: Reply;
  try {
    reply = await ask(`${baseUrl}/v1beta/models/${encodeURI(model)}`, {
      headers: { "x-goog-api-key": apiKey },
      signal,
    });
  } catch (error) {
    return [
      ...end,
      fail(
        `cannot reach ${shown(baseUrl)}: ${whyUnreachable(error)}`,
        "check the network, the proxy and GEMINI_BASE_URL",
      ),
    ];
  }
  if (reply.status !== 200) return [...end, explainRefusal(reply, model)];
  return [...end, judgeModel(reply.json, model, config.agent.contextTokens)];
}

/** What is wrong with a key, as far as looking at it can tell. */
function judgeKey(key: string): string | undefined {
  const name = "GOOGLE_GENERATIVE_AI_API_KEY";
  if (key === "") return `${name} is not set`;
  if (looksLikeExample(key)) return `${name} is an example`;
  if (/["'`]/.test(key)) return `${name} has quotes in it`;
  return undefined;
}

/** Whether the model is gone or will be: a failure once it is. */
function judgeEnd(model: string, now: number): Finding[] {
  const end = findEnd(model);
  if (end === undefined) return [];
  const [date] = /\d{4}-\d\d-\d\d/.exec(end) ?? [];
  const isGone = date === undefined || Date.parse(date) <= now;
  const finding = isGone ? fail : warn;
  return [finding(`model "${model}" ${end}`, GET_A_MODEL)];
}

function explainRefusal(
  { status, json, text }: Reply,
  model: string,
): Finding {
  const said = messageOf(json);
  if (text.includes("API_KEY_INVALID") || status === 401) {
    return fail("the API key is not valid", GET_A_KEY);
  }
  switch (status) {
    case 400:
      return fail(
        `it refused the question (400)${said}`,
        /location/i.test(said)
          ? "Gemini's API is not offered where this machine is: use a proxy (GEMINI_BASE_URL) or Ollama"
          : GET_A_KEY,
      );
    case 403:
      return fail(
        `the API key may not use it (403)${said}`,
        "allow the key the Generative Language API and this machine's address, " +
          "or get another at https://aistudio.google.com/apikey",
      );
    case 404:
      return fail(`there is no model "${model}" (404)`, GET_A_MODEL);
    case 429:
      return fail(
        `the quota is used up for now (429)${said}`,
        "wait, or raise the quota at https://aistudio.google.com; LLM_PROVIDER=gemini,ollama falls back on Ollama",
      );
    default:
      return fail(
        `it answered with status ${status}${said}`,
        status >= 500
          ? "Gemini seems to be down: try again later; LLM_PROVIDER=gemini,ollama falls back on Ollama"
          : "check GEMINI_BASE_URL",
      );
  }
}

function messageOf({ error }: Record<string, unknown>): string {
  const message = typeof error === "object" && error !== null &&
      "message" in error
    ? error.message
    : undefined;
  return typeof message === "string" ? `: ${message}` : "";
}

function judgeModel(
  { name, supportedGenerationMethods: methods, inputTokenLimit: limit }: Record<
    string,
    unknown
  >,
  model: string,
  contextTokens: number,
): Finding {
  if (name === undefined) {
    return fail("what answers is not Gemini", "check GEMINI_BASE_URL");
  }
  if (Array.isArray(methods) && !methods.includes("generateContent")) {
    return fail(`model "${model}" is not one to talk with`, GET_A_MODEL);
  }
  if (typeof limit === "number" && limit < contextTokens) {
    return warn(
      `${model} takes ${limit} tokens, and CONTEXT_TOKENS is ${contextTokens}`,
      `set CONTEXT_TOKENS to ${limit} or less`,
    );
  }
  return ok(`${model} is there, and the key is valid`);
}
