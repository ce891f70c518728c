/**
 * Gets a page its session key, with which it starts a call at Layercode. Every
 * key spends the owner's balance, so there are doors before it: the origin of
 * the page, how often its address asks, the owner's handler, whether the
 * conversation was given to this browser, and how often all ask.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { createBoundedLog } from "../../server/bounded_log.ts";
import { HttpError, json } from "../../server/http.ts";
import type { Log } from "../../server/log.ts";
import type { Sender } from "../../server/router.ts";
import type { Approval, AuthorizeHandler } from "../authorize.ts";
import { askOwner } from "./approval.ts";
import { createLimits, type Limits, type LimitSettings } from "./limits.ts";
import { allowOrigin, type OriginParts } from "./origin.ts";
import { createResumption, type Resumption } from "./resumption.ts";
import { askForSessionKey } from "./session_key.ts";
import { readWish, toSessionKeyRequest, type Wish } from "./wish.ts";

/** What an owner tells of authorising pages. */
export interface AuthorizeOptions extends OriginParts, LimitSettings {
  /** Absent: every request is refused with a word on how to fix it. */
  apiKey?: string | undefined;
  /** Absent: the browser names the agent. */
  agentId?: string;
  /** `https://api.layercode.com`, or a stand-in's address. */
  apiUrl: string;
  /** The webhook secrets. What browsers are given is signed with them. */
  secrets: readonly string[];
  /** The owner's handler, which approves or refuses. */
  authorize: AuthorizeHandler;
  /** How long the handler may take, and then Layercode. Default 10,000. */
  timeoutMs?: number;
}

/** What is needed to authorise pages. */
export interface AuthorizeParts extends AuthorizeOptions {
  /** Told of refusals and failures, never the key. */
  log: Log;
  /** The time in milliseconds since 1970. */
  now: () => number;
}

/** A request for a session key, and what is kept between requests. */
interface Asking {
  request: Request;
  sender: Sender | undefined;
  limits: Limits;
  resumption: Resumption;
  /** Called when metadata that the page sent goes no further. */
  onDrop: () => void;
}

/** Makes the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  options: AuthorizeParts,
): (request: Request, sender?: Sender) => Promise<Response> {
  const log = createBoundedLog(options.log, options.now);
  const parts = { ...options, log };
  const limits = createLimits(parts);
  const resumption = createResumption(parts.secrets);
  let isDropTold = false;
  function onDrop(): void {
    if (isDropTold) return;
    isDropTold = true;
    const fix = "anybody could claim what a page sends as metadata; supply " +
      "what you know of the caller in src/agent/authorize.ts";
    log.warn("authorize.metadata_dropped", { fix });
  }
  return async function handle(request, sender) {
    const cors = allowOrigin(request, sender, parts);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const asking = { request, sender, limits, resumption, onDrop };
    const response = await authorize(asking, parts).catch((error) => {
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
  { request, sender, limits, resumption, onDrop }: Asking,
  parts: AuthorizeParts,
): Promise<Response> {
  const { apiKey, timeoutMs = 10_000 } = parts;
  if (apiKey === undefined) {
    const message = "LAYERCODE_API_KEY is not set on this server";
    throw new HttpError(503, "not_configured", message);
  }
  const address = limits.takeOfAddress(request, sender);
  const wish = await readWish(request, parts.agentId);
  const { agentId, conversationId, metadata: untrustedMetadata } = wish;
  const approval = await askOwner({
    headers: request.headers,
    address,
    agentId,
    ...conversationId === undefined ? {} : { conversationId },
    untrustedMetadata,
  }, { ...parts, timeoutMs });
  const isDropped = approval.metadata === undefined &&
    Object.keys(untrustedMetadata).length > 0;
  if (isDropped) onDrop();
  const granted = {
    conversationId: chooseConversation(wish, approval, { request, resumption }),
    // The owner's word alone: tools take it for that.
    metadata: approval.metadata,
  };
  limits.takeOfAll();
  const reply = await askForSessionKey(
    toSessionKeyRequest(wish, granted),
    { ...parts, apiKey, timeoutMs },
  );
  return give(reply, approval, { request, resumption });
}

/**
 * The conversation to go on with; none for a new one.
 *
 * @throws {HttpError} 403 when it was not given to this browser
 */
function chooseConversation(
  { conversationId, resumeToken }: Wish,
  approval: Approval,
  { request, resumption }: Pick<Asking, "request" | "resumption">,
): string | undefined {
  const { conversationId: chosen, user } = approval;
  if (chosen !== undefined) return chosen ?? undefined;
  if (conversationId === undefined) return undefined;
  const given = { conversationId, user };
  if (resumption.wasGiven(given, request, resumeToken)) return conversationId;
  throw new HttpError(
    403,
    "conversation_not_given",
    "This browser was not given that conversation: send the resume_token " +
      "that came with it, or leave the conversation out to begin a new one",
  );
}

const replySchema = v.record(v.unknown());

/** Answers with the key, and with what lets this browser go on with the conversation. */
function give(
  reply: unknown,
  { conversationId: chosen, user }: Approval,
  { request, resumption }: Pick<Asking, "request" | "resumption">,
): Response {
  const result = replySchema.try(reply);
  // Where the owner chose, the owner will choose the next time, too.
  if (chosen !== undefined || !result.ok) return json(reply);
  // Pipelines call it a session.
  const { conversation_id, session_id } = result.value;
  const conversationId = conversation_id ?? session_id;
  if (typeof conversationId !== "string") return json(reply);
  const { token, headers } = resumption.give({ conversationId, user }, request);
  return json({ ...result.value, resume_token: token }, { headers });
}
