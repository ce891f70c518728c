/**
 * Plays Layercode in a test: makes signed requests, and reads an answer.
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

/** Makes a signed webhook request. */
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

/** Makes a `message` event in the current format. */
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

/** Reads all events of an answer. */
export async function readEvents(response: Response): Promise<AnswerEvent[]> {
  return await Array.fromAsync(readAnswer(response));
}

/** Returns the spoken text of an answer. */
export function spoken(events: readonly AnswerEvent[]): string {
  return events.filter(({ type }) => type === "response.tts")
    .map(({ content }) => content).join("");
}
