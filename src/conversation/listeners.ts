/**
 * Who listens to one turn. A platform may deliver a turn again while it is
 * under way: the new connection is told all from the beginning, and the turn
 * goes on as long as anybody listens. The fastest listener sets the pace; one
 * who takes nothing for long, or falls far behind, is left.
 *
 * @module
 */
import type { TurnOutput, TurnPart } from "./turn.ts";

/** The listeners of one turn. */
export interface Listeners {
  /** Hands a part to everybody. Where all are slow, resolves when one can take more. */
  write: TurnOutput["write"];
  /**
   * Adds a listener, who gets the turn from its beginning.
   *
   * @returns a function that takes the listener away; nothing where there are
   * too many, or the beginning is no longer kept
   */
  add(write: TurnOutput["write"]): (() => void) | undefined;
  /** Hands everybody what they lack, and waits for nobody. */
  finish(): void;
}

/** How listeners are treated. */
export interface ListenersOptions {
  /** How long a listener may take nothing, in milliseconds. */
  stalledMs: number;
  /** Called when the last listener is gone. */
  onNobody: () => void;
}

/** How much of a turn is kept for who comes later, in letters: more than any answer has. */
const MAX_KEPT = 65_536;

/** What a part takes besides its letters. */
const PART_LETTERS = 40;

/** How many connections one turn is sent to. */
const MAX_LISTENERS = 4;

interface Listener {
  write: TurnOutput["write"];
  /** The number of the part that comes next. */
  next: number;
  /** Runs while the listener has no room for more. */
  timer?: ReturnType<typeof setTimeout> | undefined;
}

/** Makes the listeners of one turn; there are none yet. */
export function createListeners(
  { stalledMs, onNobody }: ListenersOptions,
): Listeners {
  const listeners = new Set<Listener>();
  let parts: TurnPart[] = [];
  /** The number of the first part that is kept. */
  let first = 0;
  let letters = 0;
  let room: PromiseWithResolvers<void> | undefined;

  function hand(listener: Listener): void {
    while (listener.timer === undefined && listeners.has(listener)) {
      const part = parts[listener.next - first];
      if (part === undefined) return;
      listener.next++;
      const taken = listener.write(part);
      if (taken) waitFor(listener, taken);
    }
  }

  function waitFor(listener: Listener, taken: Promise<void>): void {
    listener.timer = setTimeout(() => leave(listener), stalledMs);
    taken.then(() => {
      clearTimeout(listener.timer);
      listener.timer = undefined;
      goOn();
      hand(listener);
    }, () => leave(listener));
  }

  function goOn(): void {
    room?.resolve();
    room = undefined;
  }

  function leave(listener: Listener): void {
    clearTimeout(listener.timer);
    if (!listeners.delete(listener) || listeners.size > 0) return;
    goOn();
    onNobody();
  }

  /** Forgets the beginning of a long turn, as far as the fastest listener has it. */
  function trim(): void {
    if (letters <= MAX_KEPT) return;
    const front = Math.max(...[...listeners].map(({ next }) => next));
    while (letters > MAX_KEPT && first < front) {
      const part = parts.shift();
      first++;
      letters -= part ? lettersOf(part) : 0;
    }
    for (const listener of [...listeners]) {
      if (listener.next < first) leave(listener);
    }
  }

  return {
    write(part) {
      parts.push(part);
      letters += lettersOf(part);
      for (const listener of listeners) hand(listener);
      trim();
      for (const { timer } of listeners) {
        if (timer === undefined) return undefined;
      }
      if (listeners.size === 0) return undefined;
      room ??= Promise.withResolvers();
      return room.promise;
    },
    add(write) {
      if (first > 0 || listeners.size >= MAX_LISTENERS) return undefined;
      const listener: Listener = { write, next: 0 };
      listeners.add(listener);
      hand(listener);
      if (listener.timer === undefined) goOn();
      return () => leave(listener);
    },
    finish() {
      for (const listener of listeners) {
        clearTimeout(listener.timer);
        for (const part of parts.slice(listener.next - first)) {
          listener.write(part);
        }
      }
      listeners.clear();
      parts = [];
    },
  };
}

function lettersOf(part: TurnPart): number {
  switch (part.type) {
    case "speech":
      return part.text.length + PART_LETTERS;
    case "data":
      return (JSON.stringify(part.content)?.length ?? 0) + PART_LETTERS;
    case "summary":
      return PART_LETTERS;
  }
}
