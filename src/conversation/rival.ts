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

/** How often a turn looks. The older voice must be silent within a second. */
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
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;

    function lookLater(attempt: number): void {
      if (over || controller.signal.aborted) return;
      timer = setTimeout(() => look(attempt), LOOK_EVERY_MS);
    }
    async function look(attempt: number): Promise<void> {
      try {
        const session = await store.load(conversationId);
        if (isSuperseded(session, turnId, attempt)) controller.abort();
      } catch {
        // The turn's own next word meets the same fault, and reports it.
      }
      lookLater(attempt);
    }

    try {
      yield* run(controller.signal, (attempt = 0) => {
        onStored(attempt);
        lookLater(attempt);
      });
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

function isSuperseded(
  session: Session,
  turnId: string,
  attempt: number,
): boolean {
  const turn = session.turn(turnId);
  if (turn === undefined) return false;
  return session.turns.at(-1) !== turn || attemptOf(session, turnId) > attempt;
}
