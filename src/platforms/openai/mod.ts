/**
 * The OpenAI-compatible API, for platforms that take a custom language model, such
 * as Vapi, ElevenLabs Agents, LiveKit and Open WebUI.
 *
 * https://platform.openai.com/docs/api-reference/chat
 *
 * @module
 */
import type { Stateless } from "../../conversation/stateless.ts";
import { hash } from "../../server/builtin.ts";
import { createBoundedLog, createSecretCheck } from "../../server/limits.ts";
import { HttpError, json, parseJson, readBody } from "../../server/http.ts";
import type { Routes, Sender } from "../../server/router.ts";
import { type Platform, respond } from "../platform.ts";
import { createAnswer, toErrorResponse } from "./_answer.ts";
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

/** The number of characters of a key's hash that name it. */
const KEY_NAME_LENGTH = 8;

/** The OpenAI-compatible API. */
export const openai: Platform<OpenAiOptions> = (
  { conversations, log, now },
  { keys, stateless, platformPrompt },
): Routes => {
  const checkSecret = createSecretCheck({ log, now });
  const refusals = createBoundedLog(log, now);
  const responders = {
    call: conversations,
    stateless: stateless.calls,
    task: stateless.tasks,
  };

  /** Returns the name of the request's key. Throws a 401 if it is wrong, a 429 after 30 wrong ones in a minute. */
  function checkKey({ headers }: Request, sender: Sender): string {
    const key = readKey(headers);
    const found = checkSecret(key === "" ? [] : [key], keys, sender);
    if (found !== undefined) {
      return hash(found).slice(0, KEY_NAME_LENGTH);
    }
    refusals.warn("completions.refused", { address: sender.address });
    throw new HttpError(
      401,
      "invalid_api_key",
      "Send one of this server's API_KEYS, as authorization: Bearer <key>",
      { "www-authenticate": "Bearer" },
    );
  }

  async function complete(request: Request, sender: Sender): Promise<Response> {
    const keyName = checkKey(request, sender);
    const body = parseJson(await readBody(request));
    const asked = readEvent(request, body, keyName, platformPrompt);
    const { kind, event, model = MODEL } = asked;
    const answer = createAnswer({
      ...asked,
      model,
      created: Math.floor(now() / 1000),
      isSpoken: kind === "call",
      signal: request.signal,
    });
    return await respond(responders[kind], event, answer);
  }

  function listModels(request: Request, sender: Sender): Response {
    checkKey(request, sender);
    const model = { id: MODEL, object: "model", created: 0, owned_by: MODEL };
    // Some platforms refuse a list of several models.
    return json({ object: "list", data: [model] });
  }

  return {
    ...toRoutes("/chat/completions", { POST: complete }),
    ...toRoutes("/models", { GET: listModels }),
  };
};

/** Reads the key from `authorization`, with or without `Bearer`, or from `x-api-key`. */
function readKey(headers: Headers): string {
  const authorization = headers.get("authorization") ?? "";
  const bearer = authorization.replace(/^Bearer\b/i, "").trim();
  return bearer || (headers.get("x-api-key")?.trim() ?? "");
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

/** Writes an error in OpenAI's format if its clients use the path, else in Parley's. */
export function refuse(error: HttpError, path: string): Response {
  return OWN_PATH.test(path) ? toErrorResponse(error) : error.toResponse();
}
