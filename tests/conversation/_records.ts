/**
 * Conversations that tests make of records.
 *
 * @module
 */
import type { SessionRecord } from "../../src/sessions/record.ts";
import { Session } from "../../src/sessions/session.ts";

/** When all of it happened. */
export const at = "2026-11-21T10:00:00.000Z";

/** The conversation that records add up to. */
export function session(...records: SessionRecord[]): Session {
  const made = new Session("conv");
  for (const record of records) made.apply(record);
  return made;
}

/** The records of a turn, which is under way where no status is given. */
export function turn(
  turnId: string,
  user: string,
  assistant: string,
  status?: "complete" | "interrupted",
): SessionRecord[] {
  return [
    { type: "user", turnId, text: user, at },
    { type: "assistant", turnId, text: assistant, at },
    ...(status ? [{ type: "end" as const, turnId, status, at }] : []),
  ];
}
