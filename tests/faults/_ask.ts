/**
 * What the tests of faults share: a caller, and what has to hold afterwards.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { sendEvent } from "../../src/platforms/layercode/client.ts";
import { message, readEvents, SECRET, spoken } from "../fakes/layercode.ts";
import type { RealServer } from "../fakes/server.ts";

/** Settings of every server here. */
export const ENV = { LAYERCODE_WEBHOOK_SECRET: SECRET, HOST: "127.0.0.1" };

/** Says something in a conversation; gives what is answered, which must end once. */
export async function ask(
  { url }: RealServer,
  conversation: string,
  turn = "turn_1",
): Promise<string> {
  const event = message("Hello", {
    conversation_id: conversation,
    turn_id: turn,
  });
  const line = { url: `${url}/agent`, secret: SECRET };
  const response = await sendEvent(event, line);
  assertEquals(response.status, 200);
  const events = await readEvents(response);
  const ends = events.filter(({ type }) => type === "response.end");
  assertEquals(ends.length, 1);
  return spoken(events);
}

/** The process is there, serves, and let nothing fall. */
export async function assertUnharmed(server: RealServer): Promise<void> {
  const response = await fetch(`${server.url}/health`);
  assertEquals((await response.json()).status, "ok");
  const fallen = server.lines.filter(({ event }) =>
    event === "code.unhandled_error" || event === "request.failed"
  );
  assertEquals(fallen, []);
}
