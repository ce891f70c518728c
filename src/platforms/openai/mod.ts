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
import { createBoundedLog, createJudge } from "../../server/limits.ts";
import {
  HttpError,
  json,
  parseJson,
  readBody,
  toHttpError,
} from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import type { Handler, Routes, Sender } from "../../server/router.ts";
import { type Platform, type PlatformParts, respond } from "../platform.ts";
import { createAnswer } from "./answer.ts";
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
export const openai: Platform<OpenAiOptions> = (parts, options): Routes => {
  const checkKey = createKeyCheck(options, parts);
  const ask = createCompletions(parts, options, checkKey);
  const model = { id: MODEL, object: "model", created: 0, owned_by: MODEL };
  const list: Handler = (request, sender) => {
    checkKey(request, sender);
    // Some platforms refuse to choose among several.
    return json({ object: "list", data: [model] });
  };
  return {
    ...toRoutes("/chat/completions", withErrors("POST", ask, parts.log)),
    ...toRoutes("/models", withErrors("GET", list, parts.log)),
  };
};

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
  const judge = createJudge({ log, now });
  const refusals = createBoundedLog(log, now);

  return function check({ headers }, sender) {
    const key = readKey(headers);
    const found = judge(key === "" ? [] : [key], keys, sender);
    if (found !== undefined) {
      const hash = nodeCrypto().createHash("sha256").update(found);
      // So much of it is enough of a name.
      return hash.digest("hex").slice(0, 8);
    }
    refusals.warn("completions.refused", { address: sender.address });
    throw new HttpError(
      401,
      "invalid_api_key",
      "Send one of this server's API_KEYS, as authorization: Bearer <key>",
      { "www-authenticate": "Bearer" },
    );
  };
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
    return await respond(answering[kind], event, answer);
  };
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

/** Those that a client may try. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Answers all methods, and puts what goes wrong in OpenAI's form. */
function withErrors(allow: string, handler: Handler, log: Log) {
  const answer = (name: string): Handler => async (request, sender) => {
    try {
      if (name === allow) return await handler(request, sender);
      const message = `This path takes ${allow}`;
      throw new HttpError(405, "method_not_allowed", message, { allow });
    } catch (error) {
      return toErrorResponse(error, log);
    }
  };
  return Object.fromEntries(METHODS.map((name) => [name, answer(name)]));
}

function toErrorResponse(error: unknown, log: Log): Response {
  const { status, code, message, headers } = toHttpError(error, log);
  const type = status === 429
    ? "rate_limit_error"
    : status >= 500
    ? "server_error"
    : "invalid_request_error";
  return json({ error: { message, type, code } }, { status, headers });
}
