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
  /** Absent: every request is refused with a word on how to mend it. */
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

const text = v.string().assert((value) => value !== "").nullable().optional();
const requestSchema = v.object({
  agent_id: text,
  pipeline_id: text,
  conversation_id: text,
  session_id: text,
  metadata: v.record(v.unknown()).nullable().optional(),
});

/** Makes the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  parts: AuthorizeParts,
): (request: Request) => Promise<Response> {
  return async function handle(request) {
    const cors = allowOrigin(request, parts.allowedOrigins);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    let response: Response;
    try {
      response = await authorize(request, parts);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      // With the CORS headers, or the page could not read what went wrong.
      response = error.toResponse();
    }
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };
}

async function authorize(
  request: Request,
  parts: AuthorizeParts,
): Promise<Response> {
  const { apiKey, apiUrl, log, timeoutMs = 10_000 } = parts;
  if (apiKey === undefined) {
    throw new HttpError(
      503,
      "not_configured",
      "LAYERCODE_API_KEY is not set on this server",
    );
  }
  const { path, body } = toUpstream(await readRequest(request), parts.agentId);
  let response: Response;
  let reply: string;
  try {
    response = await fetch(apiUrl + path, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${apiKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
      // A redirect would carry the key elsewhere.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    // Redacted at once: whatever of it is passed on can't hold the key.
    reply = (await response.text()).replaceAll(apiKey, "[key]");
  } catch (error) {
    log.error("authorize.unreachable", { error });
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new HttpError(
        504,
        "upstream_timeout",
        `Layercode did not answer within ${timeoutMs} ms`,
      );
    }
    throw new HttpError(
      502,
      "upstream_unreachable",
      "Layercode could not be reached",
    );
  }
  if (response.ok) return json(parseReply(reply));
  const refusal = toRefusal(response, reply);
  log.warn("authorize.refused", {
    status: response.status,
    reason: refusal.message,
  });
  throw refusal;
}

async function readRequest(
  request: Request,
): Promise<v.Infer<typeof requestSchema>> {
  const body = parseJson(await readBody(request));
  const result = requestSchema.try(body, { mode: "strip" });
  if (result.ok) return result.value;
  const field = result.issues[0]?.path.join(".");
  throw new HttpError(
    400,
    "invalid_request",
    field
      ? `Field "${field}" is not valid: ${FIELD_HINT}`
      : "The body must be a JSON object",
  );
}

const FIELD_HINT =
  "ids are non-empty strings, metadata is an object, and both may be left out";

/** The address and body for Layercode, in today's form or the pipelines' older one. */
function toUpstream(
  request: v.Infer<typeof requestSchema>,
  ownAgentId: string | undefined,
): { path: string; body: Record<string, unknown> } {
  const metadata = request.metadata ? { metadata: request.metadata } : {};
  if (request.pipeline_id) {
    // An older name for the same choice, and so under the same rule.
    checkAgent(request.pipeline_id, ownAgentId, "pipeline_id");
    const session = request.session_id ?? request.conversation_id;
    return {
      path: "/v1/pipelines/authorize_session",
      body: {
        pipeline_id: request.pipeline_id,
        ...(session ? { session_id: session } : {}),
        ...metadata,
      },
    };
  }
  const agentId = request.agent_id ?? ownAgentId;
  if (!agentId) {
    throw new HttpError(
      400,
      "invalid_request",
      'Field "agent_id" is missing, and LAYERCODE_AGENT_ID is not set on this server',
    );
  }
  checkAgent(agentId, ownAgentId, "agent_id");
  return {
    path: "/v1/agents/web/authorize_session",
    body: {
      agent_id: agentId,
      ...(request.conversation_id
        ? { conversation_id: request.conversation_id }
        : {}),
      ...metadata,
    },
  };
}

function checkAgent(
  id: string,
  ownAgentId: string | undefined,
  field: string,
): void {
  if (ownAgentId === undefined || id === ownAgentId) return;
  throw new HttpError(
    403,
    "agent_not_allowed",
    `Field "${field}" names another agent than this server is for`,
  );
}

function parseReply(reply: string): unknown {
  try {
    return JSON.parse(reply);
  } catch {
    throw new HttpError(
      502,
      "upstream_invalid",
      "Layercode's answer was not JSON",
    );
  }
}

/** Layercode's refusal with its own status, or 502 where that status is no refusal. */
function toRefusal(
  response: Response,
  reply: string,
): HttpError {
  const { status: theirs } = response;
  const status = theirs >= 400 && theirs <= 599 ? theirs : 502;
  let reason = `Layercode answered with status ${response.status}`;
  try {
    const { error } = JSON.parse(reply);
    if (typeof error === "string") {
      reason += `: ${error.slice(0, 300)}`;
    }
  } catch {
    // Not JSON: the status has to say it.
  }
  const retryAfter = response.headers.get("retry-after");
  return new HttpError(
    status,
    "upstream_refused",
    reason,
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
    if (request.headers.get("sec-fetch-site") === "cross-site") {
      throw forbidden("null");
    }
    return {};
  }
  const any = allowedOrigins.includes("*");
  if (
    !any && !allowedOrigins.includes(origin) && !isSameOrigin(origin, request)
  ) {
    throw forbidden(origin);
  }
  return {
    "access-control-allow-origin": any ? "*" : origin,
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-expose-headers": "retry-after",
    "access-control-max-age": "86400",
    "vary": "origin",
  };
}

function forbidden(origin: string): HttpError {
  const mend = origin === "null"
    ? "a page opened from a file, or in a sandboxed frame, has no origin; serve it over http"
    : "add it to ALLOWED_ORIGINS if it should";
  return new HttpError(
    403,
    "origin_not_allowed",
    `Origin ${origin} may not ask for a session key: ${mend}`,
  );
}
