/**
 * Layercode's part in a test: signed requests, and an answer read to its end.
 *
 * @module
 */
import {
  type AnswerEvent,
  readAnswer,
} from "../../src/platforms/layercode/client.ts";
import { sign } from "../../src/platforms/layercode/verify.ts";

/** The secret that tests share. */
export const SECRET = "a secret for tests only";

/** A signed webhook request. */
export function signedRequest(
  event: Record<string, unknown>,
  secret: string = SECRET,
): Request {
  const body = new TextEncoder().encode(JSON.stringify(event));
  return new Request("http://parley.test/agent", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "layercode-signature": sign(body, secret, Date.now() / 1000),
    },
    body,
  });
}

/** A `message` event as it comes today. */
export function message(
  text: string,
  fields: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    type: "message",
    conversation_id: "conv_1",
    session_id: "sess_1",
    turn_id: "turn_1",
    text,
    ...fields,
  };
}

/** All events of an answer. */
export async function readEvents(response: Response): Promise<AnswerEvent[]> {
  return await Array.fromAsync(readAnswer(response));
}

/** What an answer says. */
export function spoken(events: readonly AnswerEvent[]): string {
  return events.filter(({ type }) => type === "response.tts")
    .map(({ content }) => content).join("");
}
