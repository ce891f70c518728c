/**
 * What a page asks for when it asks for a session key, and what Layercode is
 * asked for it. Only a few of the page's fields are read: what an agent is and
 * may do is not for a browser to choose. The API key goes to Layercode and
 * nowhere else, and Layercode's answer comes back without it.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError, parseJson, readBody } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";

const text = v.string().assert((value) => value !== "").nullable().optional();
const fieldsSchema = v.object({
  agent_id: text,
  pipeline_id: text,
  conversation_id: text,
  session_id: text,
  resume_token: text,
  metadata: v.record(v.unknown()).nullable().optional(),
});

/**
 * Reads what a page asks for.
 *
 * @param ownAgentId the only agent that may be asked for, if there is one
 * @throws {HttpError} 400 when a field can't be used, 403 when another agent is
 * asked for; what {@linkcode readBody} throws
 */
export async function readWish(
  request: Request,
  ownAgentId: string | undefined,
) {
  const body = parseJson(await readBody(request));
  const result = fieldsSchema.try(body, { mode: "strip" });
  if (!result.ok) {
    const field = result.issues[0]?.path.join(".");
    throw invalidRequest(
      field
        ? `Field "${field}" is not valid: ids and tokens are non-empty ` +
          "strings, metadata is an object, and all may be left out"
        : "The body must be a JSON object",
    );
  }
  const { agent_id, pipeline_id, conversation_id, session_id, resume_token } =
    result.value;
  const isPipeline = Boolean(pipeline_id);
  const agentId = pipeline_id ?? agent_id ?? ownAgentId;
  if (agentId === undefined) {
    throw invalidRequest(
      'Field "agent_id" is missing, and LAYERCODE_AGENT_ID is not set on this server',
    );
  }
  if (ownAgentId !== undefined && agentId !== ownAgentId) {
    const field = isPipeline ? "pipeline_id" : "agent_id";
    const message =
      `Field "${field}" names another agent than this server is for`;
    throw new HttpError(403, "agent_not_allowed", message);
  }
  const conversationId = (isPipeline ? session_id : null) ?? conversation_id;
  return {
    agentId,
    /** Whether it calls the agent a pipeline, as older pages do. */
    isPipeline,
    /** The conversation to go on with. */
    conversationId: conversationId ?? undefined,
    /** Proves that the conversation was given to this page. Empty: nothing does. */
    resumeToken: resume_token ?? "",
    /** What the page says of its caller. */
    metadata: result.value.metadata ?? {},
  };
}

function invalidRequest(message: string): HttpError {
  return new HttpError(400, "invalid_request", message);
}

/** What a page is let have of its wish, where to ask, and as whom. */
export interface SessionKeyParts {
  agentId: string;
  isPipeline: boolean;
  /** Nothing: a new one. */
  conversationId: string | null | undefined;
  /** What tools and the prompt get to know of the caller. */
  metadata: Record<string, unknown> | undefined;
  apiKey: string;
  apiUrl: string;
  /** Told of refusals and failures, never the key. */
  log: Log;
  timeoutMs: number;
}

/**
 * Asks Layercode for a session key, in today's form or the pipelines' older one.
 *
 * @returns Layercode's answer
 * @throws {HttpError} Layercode's refusal with its own status, 502 or 504
 */
export async function askForSessionKey(
  parts: SessionKeyParts,
): Promise<Record<string, unknown>> {
  const { agentId, isPipeline, metadata, apiKey, apiUrl, log, timeoutMs } =
    parts;
  // What is undefined is left out when it becomes JSON.
  const conversationId = parts.conversationId ?? undefined;
  const path = isPipeline ? "pipelines" : "agents/web";
  const body = isPipeline
    ? { pipeline_id: agentId, session_id: conversationId, metadata }
    : { agent_id: agentId, conversation_id: conversationId, metadata };
  let response: Response;
  let reply: string;
  try {
    response = await fetch(`${apiUrl}/v1/${path}/authorize_session`, {
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
      const message = `Layercode did not answer within ${timeoutMs} ms`;
      throw new HttpError(504, "upstream_timeout", message);
    }
    const message = "Layercode could not be reached";
    throw new HttpError(502, "upstream_unreachable", message);
  }
  const parsed = parse(reply);
  if (!response.ok) {
    const refusal = toRefusal(response, parsed);
    const { status } = response;
    log.warn("authorize.refused", { status, reason: refusal.message });
    throw refusal;
  }
  if (parsed) return parsed;
  const message = "Layercode's answer was no JSON object";
  throw new HttpError(502, "upstream_invalid", message);
}

function parse(reply: string): Record<string, unknown> | undefined {
  try {
    return v.record(v.unknown()).parse(JSON.parse(reply));
  } catch {
    // The caller of this tells what it means.
    return undefined;
  }
}

/** Layercode's refusal with its own status, or 502 where that status is no refusal. */
function toRefusal(
  { status, headers }: Response,
  reply: Record<string, unknown> = {},
): HttpError {
  const { error } = reply;
  const reason = typeof error === "string" ? `: ${error.slice(0, 300)}` : "";
  const retryAfter = headers.get("retry-after");
  return new HttpError(
    status >= 400 && status <= 599 ? status : 502,
    "upstream_refused",
    `Layercode answered with status ${status}${reason}`,
    retryAfter ? { "retry-after": retryAfter } : {},
  );
}
