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
    /** Whether it calls the agent a pipeline, and the conversation a session, as older pages do. */
    isPipeline,
    /** The conversation to go on with. */
    conversationId: sessionId ?? fields.conversation_id ?? undefined,
    /** Proves that the conversation was given to this page. Empty: nothing does. */
    resumeToken: fields.resume_token ?? "",
    /** What the page says of its caller. */
    metadata: fields.metadata ?? {},
  };
}

/** What Layercode is asked for. */
interface Granted {
  agentId: string;
  isPipeline: boolean;
  /** Nothing: a new one. */
  conversationId: string | null | undefined;
  /** What tools and the prompt get to know of the caller. */
  metadata: Record<string, unknown> | undefined;
}

/**
 * Asks Layercode for a session key, in today's form or the pipelines' older one.
 *
 * @param log told of refusals and failures, never the key
 * @returns Layercode's answer
 * @throws {HttpError} Layercode's refusal with its own status, 502 or 504
 */
export async function askForSessionKey(
  { agentId, isPipeline, conversationId, metadata }: Granted,
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
        // What is undefined is left out.
        [conversation]: conversationId ?? undefined,
        metadata,
      }),
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
    // The caller of this tells what it means.
    return undefined;
  }
}

/** Layercode's refusal with its own status, or 502 where that status is no refusal. */
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
