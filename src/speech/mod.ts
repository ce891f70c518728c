/**
 * The model's text, made fit for a voice: markup, reasoning, tool calls, code
 * and pictographs are taken out while the text streams, words stay as they
 * are. Block and inline forms follow https://spec.commonmark.org/0.31.2/ and
 * https://github.github.com/gfm/ as far as a caller could hear a difference.
 *
 * No parser fits: micromark, marked and remark want the whole document before
 * they tell anything, and streaming-markdown, which does stream, rewrites
 * plain text ("2*3*4" becomes "234") and knows neither HTML nor reasoning.
 *
 * @module
 */
import { CODE_MESSAGE } from "../agent/prompt.ts";
import { readAddress } from "./address.ts";
import { endFence, readFenced } from "./fence.ts";
import { readJson, readSkipped } from "./hidden.ts";
import { readInline } from "./inline.ts";
import { readLineStart } from "./lines.ts";
import { beginLine, createScan, type Scan, speak } from "./scan.ts";

/** What an owner may change about it. */
export interface SpeechOptions {
  /** Said in place of a block of code. Empty: nothing. Default: the agent's built-in words. */
  codeMessage?: string;
}

/** Takes out of one answer what can't be spoken. */
export interface SpeechCleaner {
  /**
   * Takes the next text, cut anywhere, and gives what may be spoken now. Plain
   * words are given at once; what may yet turn out to be a mark is held.
   */
  push(text: string): string;
  /** Gives the rest. The answer is over. */
  end(): string;
}

/**
 * Makes a cleaner for one answer. However the answer is cut into pieces, the
 * same is spoken.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const cleaner = createSpeechCleaner();
 * assertEquals(cleaner.push("It is **ve"), "It is ve");
 * assertEquals(cleaner.push("ry** warm 🌞."), "ry warm.");
 * assertEquals(cleaner.end(), "");
 * ```
 */
export function createSpeechCleaner(
  { codeMessage = CODE_MESSAGE }: SpeechOptions = {},
): SpeechCleaner {
  const scan = createScan(codeMessage);
  /** Half a character, when the text was cut inside one. */
  let half = "";

  return {
    push(text) {
      let rest = half + text;
      half = HALF.test(rest) ? rest.slice(-1) : "";
      rest = rest.slice(0, rest.length - half.length);
      while (rest !== "") {
        const cut = HALF.test(rest.slice(0, STRETCH)) ? STRETCH + 1 : STRETCH;
        feed(scan, rest.slice(0, cut));
        rest = rest.slice(cut);
      }
      return scan.spoken.take();
    },
    end() {
      if (scan.ended) return "";
      scan.ended = true;
      // A line that ends with the answer ends like any other.
      feed(scan, `${half}\n`);
      if (scan.fence) endFence(scan);
      if (scan.item) scan.spoken.stop();
      scan.spoken.finish();
      return scan.spoken.take();
    },
  };
}

/** Long texts are read in stretches, as what is held is copied now and then. */
const STRETCH = 4096;

/** Ends within a character. */
const HALF = /[\ud800-\udbff]$/;

function feed(scan: Scan, text: string): void {
  scan.text += text;
  while (scan.at < scan.text.length) {
    if (step(scan)) continue;
    if (!scan.ended) break;
    // Nothing more can come to decide it.
    speak(scan, 1);
  }
  scan.text = scan.text.slice(scan.at);
  scan.prose = Math.max(scan.prose - scan.at, 0);
  scan.at = 0;
}

/** Reads one thing; false when more text is needed to say what it is. */
function step(scan: Scan): boolean {
  if (scan.skip) return readSkipped(scan, scan.skip);
  if (scan.fence) return readFenced(scan, scan.fence);
  if (scan.json) return readJson(scan, scan.json);
  if (scan.address !== undefined) return readAddress(scan);
  if (scan.lineStart) {
    const done = readLineStart(scan);
    if (done !== undefined) return done;
    beginLine(scan);
  }
  return readInline(scan);
}
