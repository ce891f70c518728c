/**
 * Gets a browser its session key. The API key stays here; the browser sends
 * which conversation it wants and gets Layercode's answer back whole.
 *
 * Every call spends the owner's balance, so only named origins may ask, and
 * only the fields below are passed on: what an agent is and may do is not for
 * a browser to choose.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import * as v from "@badrap/valita";
import {
  HttpError,
  isSameOrigin,
  json,
  parseJson,
  readBody,
} from "../../server/http.ts";
import type { Log } from "../../server/log.ts";

/** What is needed to authorise browsers. */
export interface AuthorizeParts {
  /** Absent: every request is refused with a word on how to fix it. */
  apiKey?: string;
  /** Absent: the browser names the agent. */
  agentId?: string;
  /** `https://api.layercode.com`, or a stand-in's address. */
  apiUrl: string;
  /** Origins besides our own that may ask; `*` for any. Absent: none. */
  allowedOrigins?: readonly string[];
  /** Told of refusals and failures, never the key. */
  log: Log;
  /** How long Layercode may take. Default 10,000. */
  timeoutMs?: number;
}

/** Makes the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  parts: AuthorizeParts,
): (request: Request) => Promise<Response> {
  return async function handle(request) {
    const cors = allowOrigin(request, parts.allowedOrigins ?? []);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const response = await authorize(request, parts).catch((error) => {
      if (!(error instanceof HttpError)) throw error;
      // With the CORS headers, or the page could not read what went wrong.
      return error.toResponse();
    });
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };
}

async function authorize(
  request: Request,
  { apiKey, apiUrl, agentId, log, timeoutMs = 10_000 }: AuthorizeParts,
): Promise<Response> {
  if (apiKey === undefined) {
    const message = "LAYERCODE_API_KEY is not set on this server";
    throw new HttpError(503, "not_configured", message);
  }
  const { path, body } = toUpstream(await readFields(request), agentId);
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
  if (parsed !== undefined) return json(parsed);
  const message = "Layercode's answer was not JSON";
  throw new HttpError(502, "upstream_invalid", message);
}

const text = v.string().assert((value) => value !== "").nullable().optional();
const fieldsSchema = v.object({
  agent_id: text,
  pipeline_id: text,
  conversation_id: text,
  session_id: text,
  metadata: v.record(v.unknown()).nullable().optional(),
});
type Fields = v.Infer<typeof fieldsSchema>;

async function readFields(request: Request): Promise<Fields> {
  const body = parseJson(await readBody(request));
  const result = fieldsSchema.try(body, { mode: "strip" });
  if (result.ok) return result.value;
  const field = result.issues[0]?.path.join(".");
  throw invalidRequest(
    field
      ? `Field "${field}" is not valid: ids are non-empty strings, metadata ` +
        "is an object, and both may be left out"
      : "The body must be a JSON object",
  );
}

/** The address and body for Layercode, in today's form or the pipelines' older one. */
function toUpstream(
  fields: Fields,
  ownAgentId: string | undefined,
): { path: string; body: Record<string, unknown> } {
  const { agent_id, pipeline_id, conversation_id, session_id } = fields;
  const metadata = fields.metadata ? { metadata: fields.metadata } : {};
  if (pipeline_id) {
    // An older name for the same choice, and so under the same rule.
    checkAgent(pipeline_id, ownAgentId, "pipeline_id");
    const id = session_id ?? conversation_id;
    const session = id ? { session_id: id } : {};
    return {
      path: "/v1/pipelines/authorize_session",
      body: { pipeline_id, ...session, ...metadata },
    };
  }
  const agentId = agent_id ?? ownAgentId;
  if (!agentId) {
    throw invalidRequest(
      'Field "agent_id" is missing, and LAYERCODE_AGENT_ID is not set on this server',
    );
  }
  checkAgent(agentId, ownAgentId, "agent_id");
  const conversation = conversation_id ? { conversation_id } : {};
  return {
    path: "/v1/agents/web/authorize_session",
    body: { agent_id: agentId, ...conversation, ...metadata },
  };
}

function checkAgent(
  id: string,
  ownAgentId: string | undefined,
  field: string,
): void {
  if (ownAgentId === undefined || id === ownAgentId) return;
  const message =
    `Field "${field}" names another agent than this server is for`;
  throw new HttpError(403, "agent_not_allowed", message);
}

function invalidRequest(message: string): HttpError {
  return new HttpError(400, "invalid_request", message);
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

/**
 * The CORS headers for a request's origin.
 *
 * Browsers send an origin with every POST. What sends none is no page, and
 * could claim any origin it liked: it is let through.
 *
 * @throws {HttpError} 403 when the origin may not ask
 */
function allowOrigin(
  request: Request,
  allowedOrigins: readonly string[] = [],
): Record<string, string> {
  const origin = request.headers.get("origin");
  if (origin === null) {
    const isPage = request.headers.get("sec-fetch-site") === "cross-site";
    if (isPage) throw forbidden("null");
    return {};
  }
  const isAny = allowedOrigins.includes("*");
  const isAllowed = isAny || allowedOrigins.includes(origin) ||
    isSameOrigin(origin, request);
  if (!isAllowed) throw forbidden(origin);
  return {
    "access-control-allow-origin": isAny ? "*" : origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-expose-headers": "retry-after",
    "access-control-max-age": "86400",
    "vary": "origin",
  };
}

function forbidden(origin: string): HttpError {
  const fix = origin === "null"
    ? "a page opened from a file, or in a sandboxed frame, has no origin; serve it over http"
    : "add it to ALLOWED_ORIGINS if it should";
  return new HttpError(
    403,
    "origin_not_allowed",
    `Origin ${origin} may not ask for a session key: ${fix}`,
  );
}
