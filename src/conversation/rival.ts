/**
 * Turns of one conversation may land on several instances, which know each
 * other by the store alone. A turn under way looks there now and then whether
 * a newer one has begun elsewhere, and ends if so.
 *
 * @module
 */
import type { Session } from "../sessions/session.ts";
import type { SessionStore } from "../sessions/store.ts";
import type { RunTurn, TurnId } from "./turn.ts";

/**
 * How often a turn looks while it says nothing; its words are stored only where
 * no newer turn is, so that each is a look. The older voice must be silent
 * within a second.
 */
const LOOK_EVERY_MS = 400;

/** Makes a turn end when another instance begins a newer one, or the same anew. */
export function yieldToRivals(
  run: RunTurn,
  { conversationId, turnId }: TurnId,
  store: SessionStore,
): RunTurn {
  return async function* (signal, onStored) {
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    let attempt: number | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLooking = false;
    let over = false;

    function lookLater(): void {
      clearTimeout(timer);
      // Where the store is slow, one look at a time.
      if (over || isLooking || controller.signal.aborted) return;
      if (attempt !== undefined) timer = setTimeout(look, LOOK_EVERY_MS);
    }
    async function look(): Promise<void> {
      isLooking = true;
      try {
        const session = await store.load(conversationId);
        if (!isNewest(session, turnId, attempt)) controller.abort();
      } catch {
        // The turn's own next word meets the same fault, and reports it.
      }
      isLooking = false;
      lookLater();
    }

    try {
      const parts = run(controller.signal, (stored = 0) => {
        attempt = stored;
        onStored(stored);
        lookLater();
      });
      for await (const part of parts) {
        if (part.type === "speech") lookLater();
        yield part;
      }
    } finally {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  };
}

/** Which time it is that this turn is answered; 0 is the first. */
export function attemptOf(session: Session, turnId: string): number {
  return session.turn(turnId)?.again ?? 0;
}

/** Whether a turn is there, as it was begun: not deleted, nor answered anew. */
export function isOurs(
  session: Session,
  turnId: string,
  attempt: number | undefined,
): boolean {
  return session.turn(turnId) !== undefined &&
    attemptOf(session, turnId) === attempt;
}

/** Whether it is, besides, the last of its conversation. */
export function isNewest(
  session: Session,
  turnId: string,
  attempt: number | undefined,
): boolean {
  return session.turns.at(-1)?.id === turnId &&
    isOurs(session, turnId, attempt);
}
