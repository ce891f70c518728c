/**
 * The face for platforms that ask for words as they would ask OpenAI: Vapi,
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

/** What an owner tells of this face, and who answers what isn't kept. */
export interface OpenAiOptions extends Pick<OpenAiSettings, "platformPrompt"> {
  /** The owner's. Who shows one may ask. */
  keys: readonly string[];
  /** Answers what belongs to no conversation. */
  stateless: Stateless;
}

/** What the one model is called where the platform doesn't say. */
const MODEL = "parley";

/** The face. */
export const openai: Platform<OpenAiOptions> = {
  createRoutes(parts, options) {
    const checkKey = createKeyCheck(options, parts);
    const ask = createCompletions(parts, options, checkKey);
    const model = { id: MODEL, object: "model", created: 0, owned_by: MODEL };
    const list: Handler = (request, sender) => {
      checkKey(request, sender);
      // Some platforms refuse to choose among several.
      return json({ object: "list", data: [model] });
    };
    return {
      ...toRoutes("/chat/completions", { POST: ask }),
      ...toRoutes("/models", { GET: list }),
    };
  },
  refuse,
};

/** How many letters of a key's hash name it. */
const NAME_LETTERS = 8;

/**
 * Makes what checks the key of a request.
 *
 * @returns a function that gives the key's name, a part of its hash, and throws
 * an {@linkcode HttpError} where there is no right key: 401, and 429 past 30
 * wrong ones of an address in a minute
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
    if (found !== undefined) return toName(found);
    refusals.warn("completions.refused", { address: sender.address });
    throw new HttpError(
      401,
      "invalid_api_key",
      "Send one of this server's API_KEYS, as authorization: Bearer <key>",
      { "www-authenticate": "Bearer" },
    );
  };
}

function toName(key: string): string {
  return nodeCrypto().createHash("sha256").update(key).digest("hex")
    .slice(0, NAME_LETTERS);
}

/** The key as OpenAI's clients send it, or bare, or as others do. */
function readKey(headers: Headers): string {
  const authorization = headers.get("authorization") ?? "";
  const bearer = authorization.replace(/^Bearer\b/i, "").trim();
  return bearer || (headers.get("x-api-key")?.trim() ?? "");
}

/** Makes the handler of all questions: key, parse, hand on, write. */
function createCompletions(
  { conversations, now }: PlatformParts,
  { stateless, platformPrompt }: OpenAiOptions,
  checkKey: ReturnType<typeof createKeyCheck>,
): Handler {
  const answering = {
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
    const response = await respond(answering[kind], event, answer);
    const isSpoken = asked.isStreamed || kind === "call";
    return isSpoken ? response : await sendWhole(answer, request.signal);
  };
}

/**
 * Sends what nobody hears, such as a summary or a title, once it is whole: an
 * apology would be taken for it.
 *
 * @param left aborted when the client leaves meanwhile
 * @throws {HttpError} 502 where the model failed
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
    // Nobody is there to read it.
    return new Response(null);
  }
  const message = "The language model failed: this server's log has the cause";
  throw new HttpError(502, "model_failed", message);
}

/** All spellings: some platforms add to the address that was typed, some don't, and people type both. */
function toRoutes(path: string, methods: Routes[string]): Routes {
  const spellings = [path, `/chat/completions${path}`];
  return Object.fromEntries(
    ["", "/v1", "/v1/v1"].flatMap((base) =>
      spellings.map((spelling) => [base + spelling, methods])
    ),
  );
}

/** The paths of these routes, and of all else that OpenAI's clients may ask for. */
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
