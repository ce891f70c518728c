/**
 * What a page asks for when it asks for a session key. Only these fields are
 * read: what an agent is and may do is not for a browser to choose.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { HttpError, parseJson, readBody } from "../../server/http.ts";
import type { SessionKeyRequest } from "./session_key.ts";

/** What a page asks for. */
export interface Wish {
  /** The agent to talk to. */
  agentId: string;
  /** Whether it calls the agent a pipeline, as older pages do. */
  isPipeline: boolean;
  /** The conversation to go on with. */
  conversationId?: string;
  /** Proves that the conversation was given to this page. */
  resumeToken?: string;
  /** What the page says of its caller. */
  metadata: Record<string, unknown>;
}

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
): Promise<Wish> {
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
  const wanted = (isPipeline ? session_id : undefined) ?? conversation_id;
  return {
    agentId,
    isPipeline,
    ...wanted ? { conversationId: wanted } : {},
    ...resume_token ? { resumeToken: resume_token } : {},
    metadata: result.value.metadata ?? {},
  };
}

/** What is asked of Layercode once the wish is granted, in today's form or the pipelines' older one. */
export function toSessionKeyRequest(
  { agentId, isPipeline }: Wish,
  granted: {
    conversationId: string | undefined;
    metadata: Record<string, unknown> | undefined;
  },
): SessionKeyRequest {
  // What is undefined is left out when it becomes JSON.
  const { conversationId, metadata } = granted;
  return isPipeline
    ? {
      path: "/v1/pipelines/authorize_session",
      body: { pipeline_id: agentId, session_id: conversationId, metadata },
    }
    : {
      path: "/v1/agents/web/authorize_session",
      body: { agent_id: agentId, conversation_id: conversationId, metadata },
    };
}

function invalidRequest(message: string): HttpError {
  return new HttpError(400, "invalid_request", message);
}
