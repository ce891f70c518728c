/**
 * A few words for a caller who would otherwise hear nothing for long, whatever
 * it is that takes so long: a model, a tool, another try.
 *
 * @module
 */
import type { Timers } from "./timers.ts";

/** Watches the silence of one turn. */
export interface SilenceFiller {
  /**
   * The caller has spoken and waits.
   *
   * @param turnNumber chooses the message to begin with, so that they vary
   */
  begin(turnNumber: number): void;
  /** Something is being said, which takes its time. */
  onSpeech(text: string): void;
}

/** What is said, and when. */
export interface SilenceOptions {
  /** Said in turn. None: nothing is said. */
  fillerMessages: readonly string[];
  /** After so long a silence, in milliseconds. 0: nothing is said. */
  fillerAfterMs: number;
}

/** How long a letter takes to be spoken: some 15 are in a second. */
const LETTER_MS = 65;

/**
 * Makes the filler of one turn.
 *
 * @param say says a message, which then comes back as {@linkcode SilenceFiller.onSpeech}
 */
export function createSilenceFiller(
  { fillerMessages, fillerAfterMs }: SilenceOptions,
  timers: Timers,
  say: (text: string) => void,
  now: () => number = () => performance.now(),
): SilenceFiller {
  const isOff = fillerAfterMs === 0 || fillerMessages.length === 0;
  let next = 0;
  /** When all that was said will have been heard. */
  let silentFrom = 0;

  function watch(afterMs: number): void {
    timers.set("filler", afterMs, () => {
      // Setting the timer anew at each word would cost more than a look here.
      const leftMs = silentFrom + fillerAfterMs - now();
      if (leftMs > 1) return watch(leftMs);
      const message = fillerMessages[next++ % fillerMessages.length];
      if (message === undefined) return;
      say(message);
      watch(fillerAfterMs);
    });
  }

  return {
    begin(turnNumber) {
      next = turnNumber;
      silentFrom = now();
      if (!isOff) watch(fillerAfterMs);
    },
    onSpeech(text) {
      if (isOff) return;
      const from = Math.max(silentFrom, now());
      silentFrom = from + text.length * LETTER_MS;
    },
  };
}
