/**
 * The OpenAI-compatible API, for platforms that take a custom language model: Vapi,
 * ElevenLabs Agents, Deepgram, LiveKit, Pipecat, Unmute, Agora, Tencent's TRTC
 * and Open WebUI.
 *
 * https://platform.openai.com/docs/api-reference/chat
 *
 * @module
 */
import type { Stateless } from "../../conversation/stateless.ts";
import { nodeCrypto } from "../../server/builtin.ts";
import { createBoundedLog, createSecretCheck } from "../../server/limits.ts";
import { HttpError, json, parseJson, readBody } from "../../server/http.ts";
import type { Handler, Routes, Sender } from "../../server/router.ts";
import { type Platform, type PlatformParts, respond } from "../platform.ts";
import { type Completion, createAnswer } from "./answer.ts";
import { readEvent } from "./_event.ts";
import type { OpenAiSettings } from "./settings.ts";

/** The options of the OpenAI-compatible API. */
export interface OpenAiOptions extends Pick<OpenAiSettings, "platformPrompt"> {
  /** The owner's keys. Requests need one of them. */
  keys: readonly string[];
  /** Answers requests that belong to no conversation. */
  stateless: Stateless;
}

/** The name of the one model, if the request has none. */
const MODEL = "parley";

/** The OpenAI-compatible API. */
export const openai: Platform<OpenAiOptions> = {
  createRoutes(parts, options) {
    const checkKey = createKeyCheck(options, parts);
    const ask = createCompletions(parts, options, checkKey);
    const model = { id: MODEL, object: "model", created: 0, owned_by: MODEL };
    const list: Handler = (request, sender) => {
      checkKey(request, sender);
      // Some platforms refuse a list of several models.
      return json({ object: "list", data: [model] });
    };
    return {
      ...toRoutes("/chat/completions", { POST: ask }),
      ...toRoutes("/models", { GET: list }),
    };
  },
  refuse,
};

/** The number of characters of a key's hash that name it. */
const KEY_NAME_LENGTH = 8;

/**
 * Creates the function that checks the key of a request.
 *
 * @returns a function that returns the key's name, a part of its hash, and throws
 * an {@linkcode HttpError} unless the key is valid: 401, and 429 after 30 wrong
 * keys from an address in a minute
 */
function createKeyCheck(
  { keys }: OpenAiOptions,
  { log, now }: PlatformParts,
): (request: Request, sender: Sender) => string {
  const checkSecret = createSecretCheck({ log, now });
  const refusals = createBoundedLog(log, now);

  return function check({ headers }, sender) {
    const key = readKey(headers);
    const found = checkSecret(key === "" ? [] : [key], keys, sender);
    if (found !== undefined) return toKeyName(found);
    refusals.warn("completions.refused", { address: sender.address });
    throw new HttpError(
      401,
      "invalid_api_key",
      "Send one of this server's API_KEYS, as authorization: Bearer <key>",
      { "www-authenticate": "Bearer" },
    );
  };
}

function toKeyName(key: string): string {
  return nodeCrypto().createHash("sha256").update(key).digest("hex")
    .slice(0, KEY_NAME_LENGTH);
}

/** Reads the key from `authorization`, with or without `Bearer`, or from `x-api-key`. */
function readKey(headers: Headers): string {
  const authorization = headers.get("authorization") ?? "";
  const bearer = authorization.replace(/^Bearer\b/i, "").trim();
  return bearer || (headers.get("x-api-key")?.trim() ?? "");
}

/** Creates the handler of `POST /chat/completions`. */
function createCompletions(
  { conversations, now }: PlatformParts,
  { stateless, platformPrompt }: OpenAiOptions,
  checkKey: ReturnType<typeof createKeyCheck>,
): Handler {
  const responders = {
    call: conversations,
    stateless: stateless.calls,
    task: stateless.tasks,
  };
  return async function handle(request, sender) {
    const keyName = checkKey(request, sender);
    const body = parseJson(await readBody(request));
    const asked = readEvent(request, body, keyName, platformPrompt);
    const { kind, event, model = MODEL } = asked;
    const created = Math.floor(now() / 1000);
    const answer = createAnswer({ ...asked, model, created });
    const response = await respond(responders[kind], event, answer);
    const isSpoken = asked.isStreamed || kind === "call";
    return isSpoken ? response : await sendWhole(answer, request.signal);
  };
}

/**
 * Sends an answer that is not spoken, such as a summary or a title, once it is
 * complete: if the model fails, the client gets an error and not an apology.
 *
 * @param left aborted when the client disconnects
 * @throws {HttpError} 502 if the model failed
 */
async function sendWhole(
  { response: { body, headers }, hasFailed }: Completion,
  left: AbortSignal,
): Promise<Response> {
  const watched = body?.pipeThrough(new TransformStream(), { signal: left });
  try {
    const text = await new Response(watched ?? null).text();
    if (!hasFailed()) return new Response(text, { headers });
  } catch (error) {
    if (!left.aborted) throw error;
    // The client is gone, so the response does not matter.
    return new Response(null);
  }
  const message = "The language model failed: this server's log has the cause";
  throw new HttpError(502, "model_failed", message);
}

/** Makes routes for every spelling: some platforms append a path to the configured address, some don't, and owners enter both. */
function toRoutes(path: string, methods: Routes[string]): Routes {
  const spellings = [path, `/chat/completions${path}`];
  return Object.fromEntries(
    ["", "/v1", "/v1/v1"].flatMap((base) =>
      spellings.map((spelling) => [base + spelling, methods])
    ),
  );
}

/** Matches the paths that clients of OpenAI may request. */
const OWN_PATH = /^\/(v1|chat\/completions|models)(\/|$)/;

function refuse(
  { status, code, message, headers }: HttpError,
  path: string,
): Response | undefined {
  if (!OWN_PATH.test(path)) return undefined;
  const type = status === 429
    ? "rate_limit_error"
    : status >= 500
    ? "server_error"
    : "invalid_request_error";
  return json({ error: { message, type, code } }, { status, headers });
}
