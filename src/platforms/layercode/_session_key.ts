/**
 * Reads a page's request for a session key, and requests the key from Layercode.
 * Only a few of the page's fields are read: a browser must not configure the
 * agent. The API key is sent to Layercode only, and is redacted from its answer.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError, parseJson, readBody } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import { filled, invalid, readFields } from "../_fields.ts";

const text = filled.nullable().optional();
const fieldsSchema = v.object({
  agent_id: text,
  pipeline_id: text,
  conversation_id: text,
  session_id: text,
  resume_token: text,
  metadata: v.record(v.unknown()).nullable().optional(),
});

/**
 * Reads a page's request.
 *
 * @param ownAgentId the only agent that may be requested, if one is set
 * @throws {HttpError} 400 when a field is invalid, 403 when another agent is
 * requested; what {@linkcode readBody} throws
 */
export async function readKeyRequest(
  request: Request,
  ownAgentId: string | undefined,
) {
  const body = parseJson(await readBody(request));
  const fields = readFields(fieldsSchema, body);
  const isPipeline = Boolean(fields.pipeline_id);
  const agentId = fields.pipeline_id ?? fields.agent_id ?? ownAgentId;
  if (agentId === undefined) {
    throw invalid(
      'Field "agent_id" is missing, and LAYERCODE_AGENT_ID is not set on this server',
    );
  }
  if (ownAgentId !== undefined && agentId !== ownAgentId) {
    const field = isPipeline ? "pipeline_id" : "agent_id";
    const message =
      `Field "${field}" names another agent than this server is for`;
    throw new HttpError(403, "agent_not_allowed", message);
  }
  const sessionId = isPipeline ? fields.session_id : null;
  return {
    agentId,
    /** Whether the fields are those of older pages, `pipeline_id` and `session_id`. */
    isPipeline,
    /** The conversation to continue. */
    conversationId: sessionId ?? fields.conversation_id ?? undefined,
    /** Proves that this page may continue the conversation. Empty: none was sent. */
    resumeToken: fields.resume_token ?? "",
    /** What the page says about its caller. */
    metadata: fields.metadata ?? {},
  };
}

/** The request to Layercode. */
interface SessionKeyRequest {
  agentId: string;
  isPipeline: boolean;
  /** `null` or `undefined`: a new one. */
  conversationId: string | null | undefined;
  /** What tools and the prompt get to know about the caller. */
  metadata: Record<string, unknown> | undefined;
}

/**
 * Requests a session key from Layercode, by the current API or the older one of
 * pipelines.
 *
 * @param log gets refusals and failures, never the key
 * @returns Layercode's answer
 * @throws {HttpError} Layercode's refusal with its own status, 502 or 504
 */
export async function requestSessionKey(
  { agentId, isPipeline, conversationId, metadata }: SessionKeyRequest,
  { apiKey, apiUrl, log, timeoutMs }: {
    apiKey: string;
    apiUrl: string;
    log: Log;
    timeoutMs: number;
  },
): Promise<Record<string, unknown>> {
  const [path, agent, conversation] = isPipeline
    ? ["pipelines", "pipeline_id", "session_id"] as const
    : ["agents/web", "agent_id", "conversation_id"] as const;
  let response: Response;
  let reply: string;
  try {
    response = await fetch(`${apiUrl}/v1/${path}/authorize_session`, {
      method: "POST",
      headers: {
        "authorization": `Bearer ${apiKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        [agent]: agentId,
        // `undefined` is left out of JSON.
        [conversation]: conversationId ?? undefined,
        metadata,
      }),
      // A redirect would carry the key elsewhere.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    // Redacted at once, so that nothing passed on can contain the key.
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
    const refusal = toRefusal(response, parsed?.error);
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
    // The caller of this function reports it.
    return undefined;
  }
}

/** Makes an error with Layercode's own status, or 502 if that is not an error status. */
function toRefusal({ status, headers }: Response, error: unknown): HttpError {
  const reason = typeof error === "string" ? `: ${error.slice(0, 300)}` : "";
  const retryAfter = headers.get("retry-after");
  return new HttpError(
    status >= 400 && status <= 599 ? status : 502,
    "upstream_refused",
    `Layercode answered with status ${status}${reason}`,
    retryAfter ? { "retry-after": retryAfter } : {},
  );
}
