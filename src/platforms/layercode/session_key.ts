/**
 * Asks Layercode for a session key. The API key goes there and nowhere else,
 * and Layercode's answer comes back without it.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";

/** Where to ask, and as whom. */
export interface SessionKeyParts {
  /** The owner's. */
  apiKey: string;
  /** `https://api.layercode.com`, or a stand-in's address. */
  apiUrl: string;
  /** Told of refusals and failures, never the key. */
  log: Log;
  /** How long Layercode may take. */
  timeoutMs: number;
}

/** Which session key is wanted. */
export interface SessionKeyRequest {
  /** Today's form, or the pipelines' older one. */
  path: "/v1/agents/web/authorize_session" | "/v1/pipelines/authorize_session";
  /** Sent as JSON. */
  body: Record<string, unknown>;
}

/**
 * Asks for a session key.
 *
 * @returns Layercode's answer
 * @throws {HttpError} Layercode's refusal with its own status, 502 or 504
 */
export async function askForSessionKey(
  { path, body }: SessionKeyRequest,
  { apiKey, apiUrl, log, timeoutMs }: SessionKeyParts,
): Promise<unknown> {
  const upstream: RequestInit = {
    method: "POST",
    headers: {
      "authorization": `Bearer ${apiKey}`,
      "content-type": "application/json",
    },
    body: JSON.stringify(body),
    // A redirect would carry the key elsewhere.
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  };
  let response: Response;
  let reply: string;
  try {
    response = await fetch(apiUrl + path, upstream);
    // Redacted at once: whatever of it is passed on can't hold the key.
    reply = (await response.text()).replaceAll(apiKey, "[key]");
  } catch (error) {
    log.error("authorize.unreachable", { error });
    throw toUnreachable(error, timeoutMs);
  }
  const parsed = parse(reply);
  if (!response.ok) {
    const refusal = toRefusal(response, parsed);
    const { status } = response;
    log.warn("authorize.refused", { status, reason: refusal.message });
    throw refusal;
  }
  if (parsed !== undefined) return parsed;
  const message = "Layercode's answer was not JSON";
  throw new HttpError(502, "upstream_invalid", message);
}

function parse(reply: string): unknown {
  try {
    return JSON.parse(reply);
  } catch {
    // The caller of this tells what it means.
    return undefined;
  }
}

function toUnreachable(error: unknown, timeoutMs: number): HttpError {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    const message = `Layercode did not answer within ${timeoutMs} ms`;
    return new HttpError(504, "upstream_timeout", message);
  }
  const message = "Layercode could not be reached";
  return new HttpError(502, "upstream_unreachable", message);
}

const errorSchema = v.object({ error: v.string() });

/** Layercode's refusal with its own status, or 502 where that status is no refusal. */
function toRefusal({ status, headers }: Response, reply: unknown): HttpError {
  const told = errorSchema.try(reply, { mode: "strip" });
  const reason = told.ok ? `: ${told.value.error.slice(0, 300)}` : "";
  const retryAfter = headers.get("retry-after");
  return new HttpError(
    status >= 400 && status <= 599 ? status : 502,
    "upstream_refused",
    `Layercode answered with status ${status}${reason}`,
    retryAfter ? { "retry-after": retryAfter } : {},
  );
}
