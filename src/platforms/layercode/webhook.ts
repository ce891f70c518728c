/**
 * The pipeline of a webhook, on one screen: verify, route, stream.
 *
 * @module
 */
import type { ActiveTurns } from "../../conversation/active_turns.ts";
import { answer } from "../../conversation/answer.ts";
import { createDataAnswer, type DataHandler } from "../../conversation/data.ts";
import {
  findAnswered,
  type RunTurn,
  toParts,
  type TurnId,
  type TurnParts,
  welcome,
} from "../../conversation/turn.ts";
import {
  HttpError,
  json,
  parseJson,
  readBody,
  shuttingDown,
} from "../../server/http.ts";
import { parseEvent, type WebhookEvent } from "./events.ts";
import { createAnswerStream, dataReply, DETAILS_HEADER } from "./sse.ts";
import { verify } from "./verify.ts";

/** What a webhook is answered with. */
export interface WebhookParts extends TurnParts {
  /** Any of them may have signed. */
  secrets: readonly string[];
  /** Where a new turn ends the one before it. */
  activeTurns: ActiveTurns;
  /** The owner's handler for what a page sends. */
  onData: DataHandler;
}

/** Makes the handler of `POST /agent`. */
export function createWebhook(
  parts: WebhookParts,
): (request: Request) => Promise<Response> {
  const { secrets, activeTurns, store, log, now } = parts;
  const answerData = createDataAnswer(parts);

  return async function handle(request) {
    const body = await readBody(request);
    authenticate(request, body);
    const withDetails = request.headers.has(DETAILS_HEADER);
    return await route(parseEvent(parseJson(body)), withDetails);
  };

  function authenticate(request: Request, body: Uint8Array): void {
    const signature = request.headers.get("layercode-signature");
    const nowSeconds = now() / 1000;
    const refusal = verify({ signature, body, secrets, nowSeconds });
    if (refusal === undefined) return;
    log.warn("webhook.refused", { reason: refusal });
    throw new HttpError(401, "invalid_signature", REFUSALS[refusal]);
  }

  async function route(
    event: WebhookEvent,
    withDetails: boolean,
  ): Promise<Response> {
    const { conversationId } = event;
    switch (event.type) {
      case "message":
        if (event.ignored !== undefined) {
          log.warn("interruption.ignored", {
            conversationId,
            turnId: event.turnId,
            reason: event.ignored,
          });
        }
        return await respond(event, answer(event, event, parts), withDetails);
      case "start":
        return await respond(event, welcome(event, parts), withDetails);
      case "data":
        return json(dataReply(await answerData(event.data, event)));
      case "note": {
        const { name, content } = event;
        const at = new Date(now()).toISOString();
        await store.update(
          conversationId,
          (session) =>
            session.hasNote(name, content)
              ? []
              : [{ type: "note", name, content, at }],
        );
        return json({ status: "ok" });
      }
      case "unknown":
        log.warn("webhook.unknown_event", { conversationId, name: event.name });
        return json({ status: "ok" });
    }
  }

  async function respond(
    id: TurnId,
    run: RunTurn,
    withDetails: boolean,
  ): Promise<Response> {
    const { conversationId, turnId } = id;
    // A turn that only comes again ends none that is under way. Where none is,
    // the turn itself finds that it was answered.
    const isBusy = activeTurns.has(conversationId) || parts.isDraining?.();
    const answered = !isBusy
      ? undefined
      : await findAnswered(id, store).catch((error) => {
        // The turn meets the same fault, and tells the caller in words.
        log.error("session.unreadable", { conversationId, error });
      });
    let stop = () => {};
    const onCancel = () => stop();
    const stream = createAnswerStream({ turnId, withDetails, onCancel });
    if (answered) {
      log.info("turn.replayed", { conversationId, turnId });
      for (const part of toParts(answered)) stream.write(part);
      stream.end();
      return stream.response;
    }
    // Let in before the end was near, and too late to be answered: another may.
    if (parts.isDraining?.()) throw shuttingDown();
    const turn = activeTurns.start(conversationId, run, stream.write);
    stop = () => void turn.stop();
    turn.done
      .catch((error) =>
        log.error("turn.failed", { conversationId, turnId, error })
      )
      .then(stream.end);
    // The status is the receipt: 200 means that the caller's words are kept.
    await turn.stored;
    return stream.response;
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
