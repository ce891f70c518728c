/**
 * The pipeline of a webhook, on one screen: verify, route, stream.
 *
 * @module
 */
import type { Floor } from "./conversation/floor.ts";
import {
  answer,
  type RunTurn,
  type TurnParts,
  welcome,
} from "./conversation/turn.ts";
import { HttpError, json, parseJson, readBody } from "./http.ts";
import { parseEvent, type WebhookEvent } from "./layercode/events.ts";
import { streamAnswer } from "./layercode/sse.ts";
import { verify } from "./layercode/verify.ts";

/** What a webhook is answered with. */
export interface WebhookParts extends TurnParts {
  /** Any of them may have signed. */
  secrets: readonly string[];
  floor: Floor;
}

/** Makes the handler of `POST /agent`. */
export function createWebhook(
  parts: WebhookParts,
): (request: Request) => Promise<Response> {
  const { secrets, floor, store, log, now } = parts;

  return async function handle(request) {
    const body = await readBody(request);
    authenticate(request, body);
    return await route(parseEvent(parseJson(body)));
  };

  function authenticate(request: Request, body: Uint8Array): void {
    const signature = request.headers.get("layercode-signature");
    const nowSeconds = now() / 1000;
    const refusal = verify({ signature, body, secrets, nowSeconds });
    if (refusal === undefined) return;
    log.warn("webhook.refused", { reason: refusal });
    throw new HttpError(401, "invalid_signature", REFUSALS[refusal]);
  }

  async function route(event: WebhookEvent): Promise<Response> {
    const { conversationId } = event;
    switch (event.type) {
      case "message":
        return stream(event, answer(event, event.text, parts));
      case "start":
        return stream(event, welcome(event, parts));
      case "data":
        return json({ status: "ok" });
      case "note": {
        const at = new Date(now()).toISOString();
        const { name, content } = event;
        await store.update(conversationId, () => [
          { type: "note", name, content, at },
        ]);
        return json({ status: "ok" });
      }
      case "unknown":
        log.warn("webhook.unknown_event", { conversationId, name: event.name });
        return json({ status: "ok" });
    }
  }

  function stream(
    id: { conversationId: string; turnId: string },
    run: RunTurn,
  ): Response {
    const { next, stop } = floor.take(id.conversationId, run);
    return streamAnswer({
      turnId: id.turnId,
      next,
      stop,
      onError: (error) => log.error("turn.failed", { ...id, error }),
    });
  }
}

/** What a sender is told, so that an owner can mend it. */
const REFUSALS = {
  missing: "The layercode-signature header is missing",
  malformed:
    "The layercode-signature header is not of the form t=<unix seconds>,v1=<hex>",
  expired:
    "The signature is older than five minutes or from the future: check the clocks",
  mismatch:
    "The signature does not match: check LAYERCODE_WEBHOOK_SECRET against the dashboard",
} as const;
