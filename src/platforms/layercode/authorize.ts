/**
 * Issues session keys, with which pages start calls at Layercode. Every key spends
 * the owner's balance, so a request has to pass several checks: the origin of the
 * page, the rate limit of its address, the owner's handler, whether this browser
 * may continue the conversation, and a rate limit of all requests, since an
 * attacker can have many addresses.
 *
 * @module
 */
import { toNetwork } from "../../server/address.ts";
import { HttpError, json, toHttpError } from "../../server/http.ts";
import {
  createBoundedLog,
  createRateLimit,
  tooManyRequests,
} from "../../server/limits.ts";
import type { Handler, Sender } from "../../server/router.ts";
import type {
  Approval,
  AuthorizeHandler,
  AuthorizeRequest,
} from "../authorize.ts";
import type { PlatformParts } from "../platform.ts";
import { allowOrigin, hasToken, issueToken } from "./_browser.ts";
import { readKeyRequest, requestSessionKey } from "./_session_key.ts";
import type { LayercodeSettings } from "./settings.ts";

/** The options of `/authorize`. */
export interface AuthorizeOptions extends LayercodeSettings {
  /** The public address of this server's own pages. Absent: only this machine opens them. */
  publicUrl?: string | undefined;
  /** The webhook secrets, which sign the browsers' tokens. */
  secrets: readonly string[];
  /** The owner's handler, which approves or denies. */
  authorize: AuthorizeHandler;
  /** How long the handler, and then Layercode, may each take, in milliseconds. Default: 10,000. */
  timeoutMs?: number;
}

/** Creates the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  parts: Pick<PlatformParts, "log" | "now">,
  options: AuthorizeOptions,
): Handler {
  const context = createContext(parts, options);
  return async function handle(request, sender) {
    const cors = allowOrigin(request, sender, options);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const response = await authorize(request, sender, context).catch((error) =>
      // Errors need the CORS headers, too, or the page could not read them.
      toHttpError(error, parts.log).toResponse()
    );
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };
}

function createContext(
  { log, now }: Pick<PlatformParts, "log" | "now">,
  options: AuthorizeOptions,
) {
  const { perAddress, inAll } = options;
  return {
    timeoutMs: 10_000,
    ...options,
    log: createBoundedLog(log, now),
    addressLimit: createRateLimit({ perMinute: perAddress, now }),
    totalLimit: createRateLimit({ perMinute: inAll, now }),
    hasWarnedOfDrop: false,
  };
}

type AuthorizeContext = ReturnType<typeof createContext>;

/** Returns a key if the request passes all checks. */
async function authorize(
  request: Request,
  { address }: Sender,
  context: AuthorizeContext,
): Promise<Response> {
  const { apiKey, secrets, log } = context;
  if (apiKey === undefined) {
    const message = "LAYERCODE_API_KEY is not set on this server";
    throw new HttpError(503, "not_configured", message);
  }
  countAddress(address, context);
  const keyRequest = await readKeyRequest(request, context.agentId);
  const { agentId, conversationId, metadata: untrustedMetadata } = keyRequest;
  const approval = await askOwner({
    headers: request.headers,
    address,
    agentId,
    ...conversationId === undefined ? {} : { conversationId },
    untrustedMetadata,
  }, context);
  const { conversationId: chosen, user, metadata } = approval;
  if (metadata === undefined) warnOfDroppedMetadata(untrustedMetadata, context);
  // A conversation that the owner chose needs no token: the owner chooses the next time, too.
  const isChosen = chosen !== undefined;
  const mayResume = isChosen || conversationId === undefined ||
    hasToken(
      { conversationId, user },
      request,
      keyRequest.resumeToken,
      secrets,
    );
  if (!mayResume) {
    const message =
      "This browser was not given that conversation: send the resume_token " +
      "that came with it, or leave the conversation out to begin a new one";
    throw new HttpError(403, "conversation_not_given", message);
  }
  const totalWaitSeconds = context.totalLimit();
  if (totalWaitSeconds !== undefined) {
    log.warn("authorize.limited_in_all", { setting: "AUTHORIZE_IN_ALL" });
    throw tooManyRequests(TOO_MANY_KEYS, totalWaitSeconds);
  }
  const granted = isChosen ? chosen : conversationId;
  const reply = await requestSessionKey(
    { ...keyRequest, conversationId: granted, metadata },
    { ...context, apiKey },
  );
  // The older API calls a conversation a session.
  const given = reply.conversation_id ?? reply.session_id;
  if (isChosen || typeof given !== "string") return json(reply);
  const issued = { conversationId: given, user };
  const { token, headers } = issueToken(issued, request, secrets);
  return json({ ...reply, resume_token: token }, { headers });
}

/** Counts a request of an address. @throws {HttpError} 429 if there were too many */
function countAddress(
  address: string,
  { addressLimit, log }: AuthorizeContext,
): void {
  const waitSeconds = addressLimit(toNetwork(address));
  if (waitSeconds === undefined) return;
  // Callers behind a proxy that isn't configured share one limit.
  const fix = "if this is your proxy's address, name it in TRUSTED_PROXIES";
  const setting = "AUTHORIZE_PER_ADDRESS";
  log.warn("authorize.limited", { setting, address, fix });
  throw tooManyRequests(TOO_MANY_KEYS, waitSeconds);
}

/** The message to a page that is over a limit. */
const TOO_MANY_KEYS = "Too many session keys were asked for";

/** Logs, once, that metadata of a page is dropped. */
function warnOfDroppedMetadata(
  metadata: Record<string, unknown>,
  context: AuthorizeContext,
): void {
  if (context.hasWarnedOfDrop || Object.keys(metadata).length === 0) return;
  context.hasWarnedOfDrop = true;
  const fix = "anybody could claim what a page sends as metadata; supply " +
    "what you know of the caller in src/agent/authorize.ts";
  context.log.warn("authorize.metadata_dropped", { fix });
}

/** Calls the owner's handler. Throws if it denies, fails or takes too long. */
async function askOwner(
  question: Omit<AuthorizeRequest, "signal">,
  { authorize, log, timeoutMs }: AuthorizeContext,
): Promise<Approval> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const answer = authorize({ ...question, signal });
    const late = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
    const decision = await Promise.race([answer, late]);
    if (decision.allow === true) return decision;
    const { reason, tellPage = false } = decision;
    log.info("authorize.denied", { reason });
    const message = tellPage ? reason : "You may not start a call here";
    throw new HttpError(403, "not_authorized", message);
  } catch (error) {
    throw toHttpError(error, log, "authorize.failed");
  }
}
