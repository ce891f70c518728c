/**
 * Blocks of code. They are left out and a message stands for them; not even
 * that, where it is a tool call, and nothing is left out of an answer that is
 * all in one block of Markdown.
 *
 * @module
 */
import { isCall } from "./_hidden.ts";
import type { Outcome, Rule, Scan } from "./_scan.ts";

const CLOSING: Rule = {
  whole: /^[ \t>]*(`{3,}|~{3,})[ \t]*\r?\n/,
  begun: /^[ \t>]*(?:`*|~*)[ \t]*\r?$/,
};
const REST_OF_LINE = /[^\n]*\n?/y;

/** Languages that say that it is a call, or might be one. */
const CALL = /^(?:tool|function)_?(?:code|calls?|use|outputs?|response)\b/;
const DOUBTFUL = /^(?:json|xml|)$/;

/** The line that opens a block. */
export const FENCE: Rule = {
  whole: /^(`{3,}|~{3,})(?![`~])([^`\n]*)\n/,
  begun: /^(?:`{1,2}|~{1,2}|(?:`{3,}|~{3,})[^`\n]*)$/,
  read(scan, [line, marks = "", info = ""]) {
    const [language = ""] = info.trim().toLowerCase().split(/[\s{,:]/);
    scan.beginBlock();
    scan.indent = 0;
    scan.marker = false;
    scan.output.space("\n");
    scan.at += line.length;
    if (scan.wrapped && language === "" && marks[0] === "`") {
      scan.wrapped = false;
    } else if (language === "markdown" || language === "md") {
      scan.wrapped = true;
    } else {
      leaveOutCode(scan, marks, language);
    }
    return true;
  },
};

function leaveOutCode(scan: Scan, marks: string, language: string): void {
  /** Whether only the whole block tells it from a tool call. */
  const isDoubtful = DOUBTFUL.test(language);
  let code = "";
  let isLineBegun = false;
  scan.output.leaveOut("thing");
  scan.fence = marks;
  scan.reader = readLine;
  if (!isDoubtful && !CALL.test(language)) sayMessage(scan);

  /** Reads a line, or what there is of it, and closes the block with its last. */
  function readLine(): Outcome {
    const found = isLineBegun ? undefined : scan.look(CLOSING);
    if (found === "more") return "more";
    if (found?.[1]?.startsWith(marks)) return close(found[0].length);
    const line = scan.match(REST_OF_LINE);
    scan.at += line.length;
    isLineBegun = !line.endsWith("\n");
    if (isDoubtful) code += line;
    return true;
  }

  function close(length: number): true {
    if (isDoubtful && !isCall(code)) sayMessage(scan);
    scan.fence = "";
    scan.reader = undefined;
    scan.at += length;
    scan.lineStart = true;
    scan.output.space("\n");
    scan.output.leaveOut("thing");
    return true;
  }
}

/** As a sentence of its own. */
function sayMessage(scan: Scan): void {
  scan.beginLine();
  if (scan.codeMessage !== "") scan.output.say(scan.codeMessage);
  scan.output.endSentence();
}
