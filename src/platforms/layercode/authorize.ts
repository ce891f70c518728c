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
import { allowOrigin, give, wasGiven } from "./_browser.ts";
import { askForSessionKey, readWish } from "./_session_key.ts";
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
  const doors = createDoors(parts, options);
  return async function handle(request, sender) {
    const cors = allowOrigin(request, sender, options);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const response = await authorize(request, sender, doors).catch((error) =>
      // Errors need the CORS headers, too, or the page could not read them.
      toHttpError(error, parts.log).toResponse()
    );
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };
}

function createDoors(
  { log, now }: Pick<PlatformParts, "log" | "now">,
  options: AuthorizeOptions,
) {
  const { perAddress, inAll } = options;
  return {
    timeoutMs: 10_000,
    ...options,
    log: createBoundedLog(log, now),
    ofAddress: createRateLimit({ perMinute: perAddress, now }),
    ofAll: createRateLimit({ perMinute: inAll, now }),
    isDropTold: false,
  };
}

type Doors = ReturnType<typeof createDoors>;

/** Returns a key if the request passes all checks. */
async function authorize(
  request: Request,
  { address }: Sender,
  doors: Doors,
): Promise<Response> {
  const { apiKey, secrets, log } = doors;
  if (apiKey === undefined) {
    const message = "LAYERCODE_API_KEY is not set on this server";
    throw new HttpError(503, "not_configured", message);
  }
  const ofAddress = doors.ofAddress(toNetwork(address));
  if (ofAddress !== undefined) {
    // Callers behind a proxy that isn't configured share one limit.
    const fix = "if this is your proxy's address, name it in TRUSTED_PROXIES";
    const setting = "AUTHORIZE_PER_ADDRESS";
    log.warn("authorize.limited", { setting, address, fix });
    throw tooManyRequests(WHAT, ofAddress);
  }
  const wish = await readWish(request, doors.agentId);
  const { agentId, conversationId, metadata: untrustedMetadata } = wish;
  const approval = await askOwner({
    headers: request.headers,
    address,
    agentId,
    ...conversationId === undefined ? {} : { conversationId },
    untrustedMetadata,
  }, doors);
  const { conversationId: chosen, user, metadata } = approval;
  if (metadata === undefined) tellDrop(untrustedMetadata, doors);
  // A conversation that the owner chose needs no token: the owner chooses the next time, too.
  const isChosen = chosen !== undefined;
  const mayResume = isChosen || conversationId === undefined ||
    wasGiven({ conversationId, user }, request, wish.resumeToken, secrets);
  if (!mayResume) {
    const message =
      "This browser was not given that conversation: send the resume_token " +
      "that came with it, or leave the conversation out to begin a new one";
    throw new HttpError(403, "conversation_not_given", message);
  }
  const ofAll = doors.ofAll();
  if (ofAll !== undefined) {
    log.warn("authorize.limited_in_all", { setting: "AUTHORIZE_IN_ALL" });
    throw tooManyRequests(WHAT, ofAll);
  }
  const granted = isChosen ? chosen : conversationId;
  const reply = await askForSessionKey(
    { ...wish, conversationId: granted, metadata },
    { ...doors, apiKey },
  );
  // The older API calls a conversation a session.
  const given = reply.conversation_id ?? reply.session_id;
  if (isChosen || typeof given !== "string") return json(reply);
  const ofBrowser = { conversationId: given, user };
  const { token, headers } = give(ofBrowser, request, secrets);
  return json({ ...reply, resume_token: token }, { headers });
}

/** The message to a page that is over a limit. */
const WHAT = "Too many session keys were asked for";

/** Logs, once, that metadata of a page is dropped. */
function tellDrop(metadata: Record<string, unknown>, doors: Doors): void {
  if (doors.isDropTold || Object.keys(metadata).length === 0) return;
  doors.isDropTold = true;
  const fix = "anybody could claim what a page sends as metadata; supply " +
    "what you know of the caller in src/agent/authorize.ts";
  doors.log.warn("authorize.metadata_dropped", { fix });
}

/** Calls the owner's handler. Throws if it denies, fails or takes too long. */
async function askOwner(
  question: Omit<AuthorizeRequest, "signal">,
  { authorize, log, timeoutMs }: Doors,
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
