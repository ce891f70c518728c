/**
 * Gets a page its session key, with which it starts a call at Layercode. Every
 * key spends the owner's balance, so there are doors before it: the origin of
 * the page, how often its address asks, the owner's handler, whether the
 * conversation was given to this browser, and how often all ask, since
 * addresses are cheap to those who want many.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { createAddressReader, toNetwork } from "../../server/address.ts";
import { HttpError, json } from "../../server/http.ts";
import { createBoundedLog, createRateLimit } from "../../server/limits.ts";
import type { Log } from "../../server/log.ts";
import type { Sender } from "../../server/router.ts";
import type {
  Approval,
  AuthorizeHandler,
  AuthorizeRequest,
} from "../authorize.ts";
import { allowOrigin, type OriginParts } from "./origin.ts";
import { createResumption, type Resumption } from "./resumption.ts";
import { askForSessionKey, readWish, type Wish } from "./session_key.ts";

/** What an owner tells of authorising pages. */
export interface AuthorizeOptions extends OriginParts {
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
  /** How often one address may ask in a minute. */
  perAddress: number;
  /** How many keys all may have in a minute. */
  inAll: number;
  /** Addresses and ranges of the proxies whose `X-Forwarded-For` is believed. */
  trustedProxies?: readonly string[] | undefined;
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

/** Makes the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  options: AuthorizeParts,
): (request: Request, sender?: Sender) => Promise<Response> {
  const { apiKey, agentId: ownAgentId, timeoutMs = 10_000 } = options;
  const log = createBoundedLog(options.log, options.now);
  const parts = { ...options, log, timeoutMs };
  const limits = createLimits(parts);
  const resumption = createResumption(options.secrets);
  let isDropTold = false;

  return async function handle(request, sender) {
    const cors = allowOrigin(request, sender, parts);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const response = await authorize(request, sender).catch((error) => {
      if (!(error instanceof HttpError)) throw error;
      // With the CORS headers, or the page could not read what went wrong.
      return error.toResponse();
    });
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };

  async function authorize(
    request: Request,
    sender: Sender | undefined,
  ): Promise<Response> {
    if (apiKey === undefined) {
      const message = "LAYERCODE_API_KEY is not set on this server";
      throw new HttpError(503, "not_configured", message);
    }
    const address = limits.takeOfAddress(request, sender);
    const wish = await readWish(request, ownAgentId);
    const { agentId, conversationId, metadata: untrustedMetadata } = wish;
    const approval = await askOwner({
      headers: request.headers,
      address,
      agentId,
      ...conversationId === undefined ? {} : { conversationId },
      untrustedMetadata,
    }, parts);
    if (approval.metadata === undefined) tellDrop(untrustedMetadata);
    const giving = { request, resumption };
    const granted = {
      conversationId: chooseConversation(wish, approval, giving),
      // The owner's word alone: tools take it for that.
      metadata: approval.metadata,
    };
    limits.takeOfAll();
    const reply = await askForSessionKey(wish, granted, { ...parts, apiKey });
    return give(reply, approval, giving);
  }

  /** Says once that metadata of a page goes no further. */
  function tellDrop(metadata: Record<string, unknown>): void {
    if (isDropTold || Object.keys(metadata).length === 0) return;
    isDropTold = true;
    const fix = "anybody could claim what a page sends as metadata; supply " +
      "what you know of the caller in src/agent/authorize.ts";
    log.warn("authorize.metadata_dropped", { fix });
  }
}

/** Whom a conversation is given to, and who knows that. */
interface Giving {
  request: Request;
  resumption: Resumption;
}

/** The conversation to go on with; none for a new one. Throws where it was not given to this browser. */
function chooseConversation(
  { conversationId, resumeToken }: Wish,
  { conversationId: chosen, user }: Approval,
  { request, resumption }: Giving,
): string | undefined {
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
  { request, resumption }: Giving,
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

type LimitParts = Pick<
  AuthorizeParts,
  "perAddress" | "inAll" | "trustedProxies" | "log" | "now"
>;

function createLimits(
  { perAddress, inAll, trustedProxies, log, now }: LimitParts,
) {
  const readAddress = createAddressReader(trustedProxies);
  const ofAddress = createRateLimit({ perMinute: perAddress, now });
  const ofAll = createRateLimit({ perMinute: inAll, now });

  function refuse(seconds: number): never {
    throw new HttpError(
      429,
      "rate_limited",
      `Too many session keys were asked for; ask again in ${seconds} s`,
      { "retry-after": String(seconds) },
    );
  }
  return {
    /** Counts a request of an address, which it returns. Throws past the limit. */
    takeOfAddress(request: Request, sender: Sender | undefined): string {
      const address = readAddress(request, sender);
      const seconds = ofAddress(toNetwork(address));
      if (seconds === undefined) return address;
      // Where a proxy isn't known as one, all its callers share its limit.
      const isForwarded = request.headers.has("x-forwarded-for");
      const fix = "if this is the address of your proxy, name it in " +
        "TRUSTED_PROXIES";
      log.warn("authorize.limited", {
        setting: "AUTHORIZE_PER_ADDRESS",
        address,
        ...isForwarded ? { fix } : {},
      });
      return refuse(seconds);
    },
    /** Counts a key in all. Throws past the limit. */
    takeOfAll(): void {
      const seconds = ofAll();
      if (seconds === undefined) return;
      log.warn("authorize.limited_in_all", { setting: "AUTHORIZE_IN_ALL" });
      refuse(seconds);
    },
  };
}

/** Asks the owner's handler, and lets nobody in where it refuses, fails or takes too long. */
async function askOwner(
  question: Omit<AuthorizeRequest, "signal">,
  { authorize, log, timeoutMs }: {
    authorize: AuthorizeHandler;
    log: Log;
    timeoutMs: number;
  },
): Promise<Approval> {
  const late = Promise.withResolvers<never>();
  const controller = new AbortController();
  const timer = setTimeout(() => {
    const error = new Error(`authorize() took longer than ${timeoutMs} ms`);
    controller.abort(error);
    late.reject(error);
  }, timeoutMs);
  try {
    const { signal } = controller;
    const answer = authorize({ ...question, signal });
    const decision = await Promise.race([answer, late.promise]);
    if (decision.allow === true) return decision;
    const { reason, tellPage = false } = decision;
    log.info("authorize.denied", { reason });
    throw new HttpError(
      403,
      "not_authorized",
      tellPage ? reason : "You may not start a call here",
    );
  } catch (error) {
    if (error instanceof HttpError) throw error;
    log.error("authorize.failed", { error });
    throw new HttpError(500, "internal", "Something went wrong here");
  } finally {
    clearTimeout(timer);
  }
}
