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
import { HttpError, json, parseJson, readBody } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import type { Handler, Routes } from "../../server/router.ts";
import { type Platform, type PlatformParts, respond } from "../platform.ts";
import { createAnswer } from "./answer.ts";
import { readEvent } from "./_event.ts";
import { createKeyCheck, type KeyParts } from "./keys.ts";
import type { OpenAiSettings } from "./settings.ts";

/** What an owner tells of this face, and who answers what isn't kept. */
export interface OpenAiOptions
  extends
    Pick<KeyParts, "keys" | "trustedProxies">,
    Pick<OpenAiSettings, "platformPrompt"> {
  /** Answers what belongs to no conversation. */
  stateless: Stateless;
}

/** What the one model is called where the platform doesn't say. */
const MODEL = "parley";

/** The face. */
export const openai: Platform<OpenAiOptions> = {
  createRoutes(parts, options) {
    const checkKey = createKeyCheck({ ...options, ...parts });
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
  },
};

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
  const refuse: Handler = () => {
    const message = `This path takes ${allow}`;
    throw new HttpError(405, "method_not_allowed", message, { allow });
  };
  const guard = (handler: Handler): Handler => async (request, sender) => {
    try {
      return await handler(request, sender);
    } catch (error) {
      return toErrorResponse(error, log);
    }
  };
  return Object.fromEntries(
    METHODS.map((name) => [name, guard(name === allow ? handler : refuse)]),
  );
}

function toErrorResponse(error: unknown, log: Log): Response {
  const isTold = error instanceof HttpError;
  if (!isTold) log.error("request.failed", { error });
  const { status, code, message, headers } = isTold
    ? error
    : new HttpError(500, "internal", "Something went wrong here");
  const type = status === 429
    ? "rate_limit_error"
    : status >= 500
    ? "server_error"
    : "invalid_request_error";
  return json({ error: { message, type, code } }, { status, headers });
}
