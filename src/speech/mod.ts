/**
 * Makes a model's text speakable while it streams: markup, reasoning, tool calls,
 * code and emoji are removed, words stay unchanged. The syntax follows
 * https://spec.commonmark.org/0.31.2/ and https://github.github.com/gfm/ as far
 * as a caller could hear a difference.
 *
 * No existing parser fits: micromark, marked and remark need the whole document,
 * and streaming-markdown, which does stream, rewrites plain text ("2*3*4" becomes
 * "234") and knows neither HTML nor reasoning.
 *
 * @module
 */
import { readLineStart } from "./_blocks.ts";
import { readInline } from "./_inline.ts";
import { type Outcome, Scan } from "./_scan.ts";

/** Makes the text of one turn speakable, piece by piece. */
export interface SpeechBuffer {
  /**
   * Takes the next piece of the model's text, and returns what can be spoken now.
   * Plain words are returned at once; what may still turn out to be markup is held.
   */
  push(text: string): string;
  /** Returns the text that was held back, since the model pauses or has finished. */
  flush(): string;
  /** Takes a whole text that is not the model's, such as a filler, and returns it with a space where one is needed. */
  interject(text: string): string;
}

/**
 * Creates the buffer of one turn. The result does not depend on how the text is
 * cut into pieces, and words never run together with an interjected text.
 *
 * @param speechCleanup whether markup, reasoning and the like are removed
 * @param codeMessage spoken in place of a code block. Empty: nothing is spoken
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const options = { speechCleanup: true, codeMessage: "" };
 * const buffer = createSpeechBuffer(options);
 * assertEquals(buffer.push("It is **ve"), "It is ve");
 * assertEquals(buffer.push("ry** warm 🌞."), "ry warm.");
 * assertEquals(buffer.flush(), "");
 * ```
 */
export function createSpeechBuffer(
  { speechCleanup, codeMessage }: {
    speechCleanup: boolean;
    codeMessage: string;
  },
): SpeechBuffer {
  let scan = new Scan(codeMessage);
  /** Half of a surrogate pair, if the text was cut within it. */
  let half = "";
  let last = "";
  let pause = false;

  /** Puts a space where one is needed after a pause. */
  function join(text: string): string {
    if (text === "") return "";
    const apart = pause && last !== "" && !/\s$/.test(last) &&
      !/^\s/.test(text);
    pause = false;
    last = text;
    return apart ? ` ${text}` : text;
  }

  return {
    push(text) {
      if (!speechCleanup) return join(text);
      const whole = half + text;
      half = HALF.test(whole) ? whole.slice(-1) : "";
      read(scan, half === "" ? whole : whole.slice(0, -1));
      return join(scan.output.take());
    },
    flush() {
      scan.ended = true;
      // The last line gets a line break, so that it is read like any other.
      read(scan, `${half}\n`);
      if (scan.item) scan.output.endSentence();
      const rest = join(scan.output.end());
      scan = new Scan(codeMessage);
      half = "";
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

/** Matches a text that ends within a surrogate pair. */
const HALF = /[\ud800-\udbff]$/;

function read(scan: Scan, text: string): void {
  scan.text += text;
  while (scan.at < scan.text.length && readNext(scan) === true);
  scan.text = scan.text.slice(scan.at);
  scan.at = 0;
}

function readNext(scan: Scan): Outcome {
  if (scan.reader) return scan.reader();
  if (scan.lineStart) {
    const outcome = readLineStart(scan);
    if (outcome) return outcome;
    // Tags and brackets may precede a block, or be left out.
    if (!/[<◁[]/.test(scan.char())) scan.beginLine();
  }
  return readInline(scan);
}
