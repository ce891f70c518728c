/**
 * Layercode posts what a caller says to a webhook, and speaks the answer that is
 * streamed back. Browsers get their session keys from this server.
 *
 * https://docs.layercode.com
 *
 * @module
 */
import { createBoundedLog } from "../../server/limits.ts";
import { HttpError, json, parseJson, readBody } from "../../server/http.ts";
import type { Handler, Routes } from "../../server/router.ts";
import { type Platform, type PlatformParts, respond } from "../platform.ts";
import { type AuthorizeOptions, createAuthorize } from "./authorize.ts";
import { parseEvent, type WebhookEvent } from "./events.ts";
import { createAnswerStream, dataReply, DETAILS_HEADER } from "./sse.ts";
import { verify } from "./verify.ts";

/** Layercode. */
export const layercode: Platform<AuthorizeOptions> = (
  parts,
  options,
): Routes => {
  const webhook = { POST: createWebhook(parts, options) };
  const handle = createAuthorize(parts, options);
  const authorize = { POST: handle, OPTIONS: handle };
  return {
    "/agent": webhook,
    "/api/agent": webhook,
    "/authorize": authorize,
    "/api/authorize": authorize,
  };
};

function createWebhook(
  { conversations, log, now }: PlatformParts,
  { secrets }: { secrets: readonly string[] },
): Handler {
  // Bounded, since anybody can send invalid requests.
  const refusals = createBoundedLog(log, now);
  return async function handle(request) {
    const body = await readBody(request);
    const signature = request.headers.get("layercode-signature");
    const nowSeconds = now() / 1000;
    const refusal = verify({ signature, body, secrets, nowSeconds });
    if (refusal !== undefined) {
      refusals.warn("webhook.refused", { reason: refusal });
      throw new HttpError(401, "invalid_signature", refusal);
    }
    const event = parseEvent(parseJson(body));
    return await answer(event, request.headers.has(DETAILS_HEADER));
  };

  async function answer(
    event: WebhookEvent,
    withDetails: boolean,
  ): Promise<Response> {
    switch (event.type) {
      case "message":
      case "start": {
        const { conversationId, turnId } = event;
        if (event.type === "message" && event.ignored !== undefined) {
          const reason = event.ignored;
          log.warn("interruption.ignored", { conversationId, turnId, reason });
        }
        const stream = createAnswerStream({ turnId, withDetails });
        return await respond(conversations, event, stream);
      }
      case "data":
        return json(dataReply(await conversations.answerData(event)));
      case "note":
        await conversations.keepNote(event);
        return json({ status: "ok" });
      case "unknown": {
        const { conversationId, name } = event;
        log.warn("webhook.unknown_event", { conversationId, name });
        return json({ status: "ok" });
      }
    }
  }
}
