/**
 * What the agent says in one turn, on its way to be spoken: the model's text
 * made speakable, and what comes in between from elsewhere, so that words never
 * run together.
 *
 * @module
 */
import { createSpeechCleaner } from "./mod.ts";

/** What the agent says in one turn. */
export interface SpeechBuffer {
  /** Takes the model's text; gives what can be spoken of it now. */
  push(text: string): string;
  /** Gives what was held back: the model pauses or has finished. */
  flush(): string;
  /** Takes words that come whole, from elsewhere than the model. */
  interject(text: string): string;
}

/** What an owner decides about it. */
export interface SpeechBufferOptions {
  /** Whether markup, reasoning and the like are taken out. */
  speechCleanup: boolean;
  /** Said in place of a block of code. Empty: nothing is. */
  codeMessage: string;
}

/** Makes the buffer of one turn. */
export function createSpeechBuffer(
  { speechCleanup, codeMessage }: SpeechBufferOptions,
): SpeechBuffer {
  let cleaner = createSpeechCleaner(codeMessage);
  let last = "";
  let pause = false;

  /** Parts what is said now from what was said before a pause. */
  function join(text: string): string {
    if (text === "") return "";
    const apart = pause && last !== "" && !/\s$/.test(last) &&
      !/^\s/.test(text);
    pause = false;
    last = text;
    return apart ? ` ${text}` : text;
  }

  return {
    push: (text) => join(speechCleanup ? cleaner.push(text) : text),
    flush() {
      const rest = join(cleaner.end());
      cleaner = createSpeechCleaner(codeMessage);
      pause = true;
      return rest;
    },
    interject(text) {
      pause = true;
      const joined = join(text);
      pause = true;
      return joined;
    },
  };
}
