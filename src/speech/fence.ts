/**
 * Blocks of code. They are left out and a message stands for them; not even
 * that, where it is a tool call, and nothing is left out of an answer that is
 * all in one block of Markdown.
 *
 * @module
 */
import {
  beginBlock,
  type Fence,
  type Form,
  look,
  matchAt,
  type Scan,
  speakWords,
} from "./scan.ts";
import { holdsCall } from "./hidden.ts";

const FENCE: Form = {
  whole: /(`{3,64})([^`\n]{0,100})\n|(~{3,64})([^\n]{0,100})\n/y,
  begun: /`{1,2}$|`{3,64}[^`\n]{0,100}$|~{1,2}$|~{3,64}[^\n]{0,100}$/y,
};
const CLOSING: Form = {
  whole: /[ \t>]{0,32}(`{3,64}|~{3,64})[ \t]{0,32}\r?\n/y,
  begun: /[ \t>]{0,32}(?:`{0,64}|~{0,64})[ \t]{0,32}\r?$/y,
};
const REST_OF_LINE = /[^\n]*\n?/y;

/** Languages that say that it is a call, might be one, or that it is the answer. */
const CALL = /^(?:tool|function)_?(?:code|calls?|use|outputs?|response)\b/;
const DOUBTFUL = /^(?:json[c5]?|xml|)$/;
const ANSWER = /^(?:markdown|md)$/;

/** More of a call than this is never held. */
const MOST_HELD = 4096;

/** Reads the line that opens a block; `undefined` when it does not. */
export function readFence(scan: Scan): boolean | undefined {
  const found = look(scan, FENCE);
  if (found === "more") return false;
  if (!found) return undefined;
  const marks = found[1] ?? found[3] ?? "";
  const language = (found[2] ?? found[4] ?? "").trim().split(/[\s{,:]/)[0]
    ?.toLowerCase() ?? "";
  scan.at += found[0].length;
  scan.indent = 0;
  scan.marker = false;
  beginBlock(scan);
  scan.spoken.space("\n");
  if (scan.wrapped && language === "" && marks[0] === "`") {
    scan.wrapped = false;
  } else if (ANSWER.test(language)) {
    scan.wrapped = true;
  } else {
    scan.spoken.drop("block");
    const doubtful = DOUBTFUL.test(language);
    scan.fence = { marks, doubtful, held: "", inLine: false };
    if (!doubtful && !CALL.test(language)) sayMessage(scan);
  }
  return true;
}

/** Leaves out a line, or what there is of it, and closes the block with its last. */
export function readFenced(scan: Scan, fence: Fence): boolean {
  if (!fence.inLine) {
    const found = look(scan, CLOSING);
    if (found === "more") return false;
    if (found?.[1]?.startsWith(fence.marks)) {
      scan.at += found[0].length;
      endFence(scan);
      return true;
    }
  }
  const line = matchAt(scan, REST_OF_LINE)?.[0] ?? "";
  scan.at += line.length;
  fence.inLine = !line.endsWith("\n");
  if (fence.doubtful) {
    fence.held = (fence.held + line).trimStart();
    const mayBeCall = /^(?:[[{<]|$)/.test(fence.held);
    if (!mayBeCall || fence.held.length > MOST_HELD) {
      fence.doubtful = false;
      sayMessage(scan);
    }
  }
  return true;
}

/** The block is closed, or the answer over. */
export function endFence(scan: Scan): void {
  const { doubtful, held } = scan.fence ?? { doubtful: false, held: "" };
  if (doubtful && !holdsCall(held)) sayMessage(scan);
  scan.fence = undefined;
  scan.lineStart = true;
  scan.indent = 0;
  scan.marker = false;
  scan.spoken.space("\n");
  scan.spoken.drop("block");
}

/** As a sentence of its own. */
function sayMessage(scan: Scan): void {
  speakWords(scan, scan.codeMessage);
  scan.spoken.stop();
}
