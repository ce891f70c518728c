/**
 * Reads a streamed answer to its end, for `say` and `doctor`.
 *
 * @module
 */
import type { AnswerEvent } from "../platforms/layercode/client.ts";
import { explain } from "../server/log.ts";

/**
 * Hands on each event as it comes.
 *
 * @returns why the answer broke off, if it did
 */
export async function followAnswer(
  answer: AsyncIterable<AnswerEvent>,
  onEvent: (event: AnswerEvent) => void,
): Promise<string | undefined> {
  let isWhole = false;
  try {
    for await (const event of answer) {
      isWhole ||= event.type === "response.end";
      onEvent(event);
    }
  } catch (error) {
    if (!isWhole) return explain(error);
  }
  // After response.end, what happens to the connection matters to nobody.
  return isWhole ? undefined : "no end of it came";
}

/** Whether there is an answer to be followed. */
export function isStream({ ok, headers }: Response): boolean {
  const type = headers.get("content-type") ?? "";
  return ok && type.startsWith("text/event-stream");
}
