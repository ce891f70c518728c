/**
 * Reads a page's request for a session key, and requests the key from Layercode.
 * Only a few of the page's fields are read: a browser must not configure the agent.
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

/** Reads a page's request. Throws a 400 when a field is invalid, a 403 when it names another agent than ours. */
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
    conversationId: sessionId ?? fields.conversation_id ?? undefined,
    resumeToken: fields.resume_token ?? "",
    metadata: fields.metadata ?? {},
  };
}

/**
 * Returns Layercode's answer, of the current API or the older one of pipelines.
 *
 * @throws {HttpError} Layercode's refusal with its own status, 502 or 504
 */
export async function requestSessionKey(
  { agentId, isPipeline, conversationId, metadata }: {
    agentId: string;
    isPipeline: boolean;
    /** `null` or `undefined`: a new one. */
    conversationId: string | null | undefined;
    metadata: Record<string, unknown> | undefined;
  },
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
  try {
    const response = await fetch(`${apiUrl}/v1/${path}/authorize_session`, {
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
    const reply = (await response.text()).replaceAll(apiKey, "[key]");
    if (!response.ok) throw toRefusal(response, reply);
    return v.record(v.unknown()).parse(JSON.parse(reply));
  } catch (error) {
    if (error instanceof HttpError) {
      const { status, message: reason } = error;
      log.warn("authorize.refused", { status, reason });
      throw error;
    }
    log.error("authorize.unreachable", { error });
    if (error instanceof DOMException && error.name === "TimeoutError") {
      const message = `Layercode did not answer within ${timeoutMs} ms`;
      throw new HttpError(504, "upstream_timeout", message);
    }
    const message = "Layercode could not be reached, or sent no JSON object";
    throw new HttpError(502, "upstream_unreachable", message);
  }
}

/** Makes an error with Layercode's own status, or 502 if that is not an error status. */
function toRefusal({ status, headers }: Response, reply: string): HttpError {
  const retryAfter = headers.get("retry-after");
  return new HttpError(
    status >= 400 && status <= 599 ? status : 502,
    "upstream_refused",
    `Layercode answered with status ${status}${readReason(reply)}`,
    retryAfter ? { "retry-after": retryAfter } : {},
  );
}

function readReason(reply: string): string {
  try {
    const { error } = JSON.parse(reply);
    return typeof error === "string" ? `: ${error.slice(0, 300)}` : "";
  } catch {
    // Layercode, or a proxy, sent something else than a JSON object.
    return "";
  }
}
