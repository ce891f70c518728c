/**
 * Reads the start of a line: headings, lists, quotes, thematic breaks, tables and
 * code blocks. Their marks are left out, and so is the row of dashes in a table.
 * Each heading, item and row becomes a sentence.
 *
 * Code is replaced by a message, a tool call by nothing. An answer that is
 * entirely in a Markdown block is spoken.
 *
 * @module
 */
import { CALL, DEFINITION, JSON_CALL, PARTIAL_CALL } from "./_brackets.ts";
import { type Outcome, type Rule, type Scan, toRules } from "./_scan.ts";

const INDENT = /[^\S\n]+/y;
const DIGITS = /\d+/y;

/** Reads one element at the start of a line; none once the words of the line begin. */
export function readLineStart(scan: Scan): Outcome {
  const char = scan.char();
  if (char === "\n") {
    if (scan.item) scan.output.endSentence();
    scan.item = false;
    scan.open = { "*": 0, "_": 0, "~": 0 };
    return scan.endLine();
  }
  const space = scan.match(INDENT);
  if (space) {
    scan.indent += space.length;
    scan.output.space(space);
    return scan.pass(space.length);
  }
  return scan.apply(BLOCKS, char);
}

const QUOTE: Rule = { complete: /^>(?!=)(?=[^])/, partial: /^>$/ };
const HEADING: Rule = {
  complete: /^#{1,6}(?=\s)|^#{2,6}(?=[^\s!-@[-`{-~])/,
  partial: /^#{1,6}$/,
  read(scan, [mark]) {
    scan.beginBlock();
    scan.beginLine();
    scan.heading = true;
    return scan.leaveOut(mark.length);
  },
};
const BOX: Rule = {
  complete: /^\[[ xX]\](?=[ \t])/,
  partial: /^\[(?:[ xX]\]?)?$/,
  when: ({ marker }) => marker,
};
/** The number of a list item, if it begins or continues a list, unlike "3. Oktober". */
const NUMBER: Rule = {
  complete: /^\d{1,4}[.)](?=[ \t]+\S)/,
  partial: /^\d{1,4}(?:[.)][ \t]*)?$/,
  when: (scan) => Number(scan.match(DIGITS)) <= scan.highest + 1,
  read(scan, [mark]) {
    scan.highest = Math.max(scan.highest, parseInt(mark));
    return beginItem(scan, mark.length);
  },
};
/** A thematic break, the underline of a heading, or the row of dashes in a table. */
const LINE: Rule = {
  complete: /^(?:[-+:| \t]+|[* \t]+|[_ \t]+|=[= \t]+)(?=\r?\n)/,
  partial: /^(?:[-+:| \t]+|[* \t]+|[_ \t]+|=[= \t]*)\r?$/,
  read(scan, [marks]) {
    scan.beginBlock();
    return scan.leaveOut(marks.length);
  },
};
const BULLET: Rule = {
  complete: /^[-*+](?=[ \t])|^[•‣⁃◦▪▫●○■□◆◇▸▹►∙](?=\s)|^[•‣⁃◦](?=\S)/,
  partial: /^.$/,
  read: (scan, [mark]) => beginItem(scan, mark.length),
};

function beginItem(scan: Scan, length: number): true {
  scan.beginBlock();
  scan.item = scan.marker = true;
  return scan.leaveOut(length);
}

/** A row of a table, with bars at both ends. */
const ROW: Rule = {
  complete: /^\|(?=[^\n]*\|[ \t]*\r?\n)/,
  partial: /^\|[^\n]*$/,
  read(scan) {
    scan.beginBlock();
    scan.beginLine();
    scan.row = true;
    return scan.leaveOut(1);
  },
};

const OPENING = "(`{3,}|~{3,})(?![`~])";

/** A code block that contains a tool call, by its language or its beginning. */
const CALL_FENCE: Rule = {
  complete: new RegExp(
    `^${OPENING}(?:(?:tool|function)[^\`\\n]*\\n|(?:json|xml)?\\s*\\n\\s*(?:<tool|<function|${CALL}))`,
  ),
  partial: new RegExp(
    `^(?:\`{1,2}|~{1,2}|${OPENING}(?:[^\`\\n]*|(?:json|xml)?\\s*\\n\\s*(?:<[a-z]*|${PARTIAL_CALL})))$`,
  ),
  read(scan, [, marks = ""]) {
    scan.beginBlock();
    return leaveOutCode(scan, marks);
  },
};

const FENCE: Rule = {
  complete: new RegExp(`^${OPENING}([^\`\\n]*)\\n`),
  read(scan, [line, marks = "", info = ""]) {
    const [language = ""] = info.trim().toLowerCase().split(/[\s{,:]/);
    const isClosing = scan.wrapped && language === "" && marks[0] === "`";
    scan.beginBlock();
    if (isClosing || language === "markdown" || language === "md") {
      scan.wrapped = !isClosing;
      return scan.pass(line.length - 1);
    }
    // The message is a separate sentence.
    if (scan.codeMessage !== "") scan.output.say(scan.codeMessage);
    scan.output.endSentence();
    return leaveOutCode(scan, marks);
  },
};

function leaveOutCode(scan: Scan, marks: string): true {
  const end = `\\n[ \\t>]*${marks}[\`~]*[ \\t]*(?=\\r?\\n)`;
  return scan.leaveOutTo(marks.length, new RegExp(end, "g"));
}

const BLOCKS = toRules({
  ">": [QUOTE],
  "#": [HEADING],
  "`~": [CALL_FENCE, FENCE],
  "|": [LINE, ROW],
  "[": [BOX, JSON_CALL, DEFINITION],
  "{": [JSON_CALL],
  "0123456789": [NUMBER],
  "-*+": [LINE, BULLET],
  "_=": [LINE],
  "•‣⁃◦▪▫●○■□◆◇▸▹►∙": [BULLET],
});
