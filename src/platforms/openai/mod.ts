/**
 * The face for platforms that ask for words as they would ask OpenAI: Vapi,
 * ElevenLabs Agents, Deepgram, LiveKit, Pipecat, Unmute, Agora, Tencent's TRTC
 * and Open WebUI.
 *
 * https://platform.openai.com/docs/api-reference/chat
 *
 * @module
 */
import { HttpError, json } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import type { Handler, Routes } from "../../server/router.ts";
import type { Platform } from "../platform.ts";
import {
  type CompletionsOptions,
  createCompletions,
  MODEL,
} from "./completions.ts";
import { createKeyCheck, type KeyParts } from "./keys.ts";

/** What an owner tells of this face. */
export interface OpenAiOptions
  extends CompletionsOptions, Pick<KeyParts, "keys" | "trustedProxies"> {}

/** The face. */
export const openai: Platform<OpenAiOptions> = {
  name: "OpenAI-compatible",
  createRoutes(parts, options) {
    const checkKey = createKeyCheck({ ...options, ...parts });
    const ask = createCompletions(parts, options, checkKey);
    const list: Handler = (request, sender) => {
      checkKey(request, sender);
      return json({ object: "list", data: [LISTED] });
    };
    return toRoutes(
      ["/chat/completions", { POST: ask }],
      ["/models", { GET: list }],
      parts.log,
    );
  },
};

/** Some platforms refuse to choose among several. */
const LISTED = { id: MODEL, object: "model", created: 0, owned_by: MODEL };

type Route = [path: string, methods: Partial<Record<string, Handler>>];

/**
 * The routes in all spellings: some platforms add to the address that was
 * typed, some don't, and people type both.
 */
function toRoutes(ask: Route, list: Route, log: Log): Routes {
  return Object.fromEntries([ask, list].flatMap(([path, methods]) => {
    const handlers = withErrors(methods, log);
    return [path, `${ask[0]}${path}`].flatMap((spelling) =>
      ["", "/v1", "/v1/v1"].map((base) => [base + spelling, handlers])
    );
  }));
}

/** Those that a client may try. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Answers all methods, and puts what goes wrong in OpenAI's form. */
function withErrors(
  methods: Partial<Record<string, Handler>>,
  log: Log,
): Record<string, Handler> {
  const allow = Object.keys(methods).join(", ");
  const message = `This path takes ${allow}`;
  function refuse(): never {
    throw new HttpError(405, "method_not_allowed", message, { allow });
  }
  return Object.fromEntries(METHODS.map((method) => {
    const handler = methods[method] ?? refuse;
    return [method, async (request, sender) => {
      try {
        return await handler(request, sender);
      } catch (error) {
        return toErrorResponse(error, log);
      }
    }] satisfies [string, Handler];
  }));
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
