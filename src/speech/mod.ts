/**
 * What the agent says in one turn, on its way to be spoken. The model's text is
 * made fit for a voice: markup, reasoning, tool calls, code and pictographs are
 * taken out while the text streams, words stay as they are. Block and inline forms follow https://spec.commonmark.org/0.31.2/ and
 * https://github.github.com/gfm/ as far as a caller could hear a difference.
 *
 * No parser fits: micromark, marked and remark want the whole document before
 * they tell anything, and streaming-markdown, which does stream, rewrites
 * plain text ("2*3*4" becomes "234") and knows neither HTML nor reasoning.
 *
 * @module
 */
import { readLineStart } from "./_blocks.ts";
import { readInline } from "./_inline.ts";
import { type Outcome, Scan } from "./_scan.ts";

/** What the agent says in one turn. */
export interface SpeechBuffer {
  /**
   * Takes the model's text, cut anywhere, and gives what may be spoken now.
   * Plain words are given at once; what may yet turn out to be a mark is held.
   */
  push(text: string): string;
  /** Gives what was held back: the model pauses or has finished. */
  flush(): string;
  /** Takes words that come whole, from elsewhere than the model. */
  interject(text: string): string;
}

/**
 * Makes the buffer of one turn. However the model's text is cut into pieces,
 * the same is spoken; and words never run together with what comes in between.
 *
 * @param speechCleanup whether markup, reasoning and the like are taken out
 * @param codeMessage said in place of a block of code. Empty: nothing is
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
  /** Half a character, when the text was cut inside one. */
  let half = "";
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
    push(text) {
      if (!speechCleanup) return join(text);
      const whole = half + text;
      half = HALF.test(whole) ? whole.slice(-1) : "";
      read(scan, half === "" ? whole : whole.slice(0, -1));
      return join(scan.output.take());
    },
    flush() {
      scan.ended = true;
      // A line that ends with the answer ends like any other.
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

/** Ends within a character. */
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
    // Tags and brackets may stand before a block, or be left out altogether.
    if (!/[<◁[]/.test(scan.char())) scan.beginLine();
  }
  return readInline(scan);
}
