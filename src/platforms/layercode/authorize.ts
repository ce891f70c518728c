/**
 * Issues session keys, with which pages start calls at Layercode. Every key spends
 * the owner's balance, so a request has to pass several checks. The last is a limit
 * of all requests, since an attacker can have many addresses.
 *
 * @module
 */
import { toNetwork } from "../../server/address.ts";
import { timingSafeEquals } from "../../server/builtin.ts";
import { abortable } from "../../server/deadline.ts";
import { HttpError, json, toHttpError } from "../../server/http.ts";
import {
  createBoundedLog,
  createRateLimit,
  tooManyRequests,
} from "../../server/limits.ts";
import type { LogFields } from "../../server/log.ts";
import type { Handler, Sender } from "../../server/router.ts";
import type {
  Approval,
  AuthorizeHandler,
  AuthorizeRequest,
} from "../authorize.ts";
import type { PlatformParts } from "../platform.ts";
import { allowOrigin, toResumeTokens } from "./_browser.ts";
import { readKeyRequest, requestSessionKey } from "./_session_key.ts";
import type { LayercodeSettings } from "./settings.ts";

/** The options of `/authorize`. */
export interface AuthorizeOptions extends LayercodeSettings {
  /** The public address of this server's own pages. */
  publicUrl?: string | undefined;
  /** The webhook secrets, which sign the pages' tokens. */
  secrets: readonly string[];
  /** The owner's handler. */
  authorize: AuthorizeHandler;
  /** How long the handler, and then Layercode, may each take, in milliseconds. Default: 10,000. */
  timeoutMs?: number;
}

/** Creates the handler of `POST /authorize` and of its preflight. */
export function createAuthorize(
  parts: Pick<PlatformParts, "log" | "now">,
  options: AuthorizeOptions,
): Handler {
  const keys = new SessionKeys(parts, options);
  return async function handle(request, sender) {
    const cors = allowOrigin(request, sender, options);
    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors });
    }
    const response = await keys.grant(request, sender).catch((error) =>
      // Errors need the CORS headers, too, or the page could not read them.
      toHttpError(error, parts.log).toResponse()
    );
    for (const [name, value] of Object.entries(cors)) {
      response.headers.set(name, value);
    }
    return response;
  };
}

/** Issues session keys. */
class SessionKeys {
  readonly #log;
  readonly #addressLimit;
  readonly #totalLimit;
  readonly #timeoutMs;

  constructor(
    { log, now }: Pick<PlatformParts, "log" | "now">,
    readonly options: AuthorizeOptions,
  ) {
    const { perAddress, inAll, timeoutMs = 10_000 } = options;
    this.#log = createBoundedLog(log, now);
    this.#addressLimit = createRateLimit({ perMinute: perAddress, now });
    this.#totalLimit = createRateLimit({ perMinute: inAll, now });
    this.#timeoutMs = timeoutMs;
  }

  /** Returns a key if the request passes the other checks. */
  async grant(request: Request, { address }: Sender): Promise<Response> {
    const { apiKey, apiUrl, secrets } = this.options;
    if (apiKey === undefined) {
      const message = "LAYERCODE_API_KEY is not set on this server";
      throw new HttpError(503, "not_configured", message);
    }
    this.#checkLimit(
      this.#addressLimit(toNetwork(address)),
      "authorize.limited",
      {
        setting: "AUTHORIZE_PER_ADDRESS",
        address,
        // Callers behind a proxy that isn't configured share one limit.
        fix: "if this is your proxy's address, name it in TRUSTED_PROXIES",
      },
    );
    const keyRequest = await readKeyRequest(
      request,
      this.options.agentId,
    );
    const { agentId, conversationId: wanted, metadata: claimed } = keyRequest;
    const { conversationId: chosen, user, metadata } = await this.#askOwner({
      headers: request.headers,
      address,
      agentId,
      ...wanted === undefined ? {} : { conversationId: wanted },
      untrustedMetadata: claimed,
    });
    if (metadata === undefined && Object.keys(claimed).length > 0) {
      const fix = "anybody could claim what a page sends as metadata; supply " +
        "what you know of the caller in src/agent/authorize.ts";
      this.#log.warn("authorize.metadata_dropped", { fix });
    }
    // A conversation that the owner chose needs no token: the owner chooses the next time, too.
    const isChosen = chosen !== undefined;
    const mayResume = isChosen || wanted === undefined ||
      toResumeTokens(wanted, user, secrets)
        .some((right) => timingSafeEquals(keyRequest.resumeToken, right));
    if (!mayResume) {
      const message =
        "This page was not given that conversation: send the resume_token " +
        "that came with it, or leave the conversation out to begin a new one";
      throw new HttpError(403, "conversation_not_given", message);
    }
    this.#checkLimit(this.#totalLimit(), "authorize.limited_in_all", {
      setting: "AUTHORIZE_IN_ALL",
    });
    const conversationId = isChosen ? chosen : wanted;
    const reply = await requestSessionKey(
      { ...keyRequest, conversationId, metadata },
      { apiKey, apiUrl, log: this.#log, timeoutMs: this.#timeoutMs },
    );
    // The older API calls a conversation a session.
    const given = reply.conversation_id ?? reply.session_id;
    if (isChosen || typeof given !== "string") return json(reply);
    const [resume_token] = toResumeTokens(given, user, secrets);
    return json({ ...reply, resume_token });
  }

  #checkLimit(
    waitSeconds: number | undefined,
    event: string,
    fields: LogFields,
  ): void {
    if (waitSeconds === undefined) return;
    this.#log.warn(event, fields);
    throw tooManyRequests("Too many session keys were asked for", waitSeconds);
  }

  /** Calls the owner's handler. Throws if it denies, fails or takes too long. */
  async #askOwner(
    question: Omit<AuthorizeRequest, "signal">,
  ): Promise<Approval> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const answer = this.options.authorize({ ...question, signal });
      const decision = await abortable(answer, signal);
      if (decision.allow === true) return decision;
      const { reason, tellPage = false } = decision;
      this.#log.info("authorize.denied", { reason });
      const message = tellPage ? reason : "You may not start a call here";
      throw new HttpError(403, "not_authorized", message);
    } catch (error) {
      throw toHttpError(error, this.#log, "authorize.failed");
    }
  }
}
