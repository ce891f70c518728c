/**
 * The start of a line, where the blocks of Markdown are told by: headings,
 * lists, quotes, rules. Their marks go, and each heading and item becomes a
 * sentence.
 *
 * @module
 */
import { readFence } from "./fence.ts";
import { readAngle, readBraces } from "./hidden.ts";
import { readBracket } from "./links.ts";
import {
  beginBlock,
  beginLine,
  charAt,
  endLine,
  type Form,
  leaveOut,
  look,
  matchAt,
  type Scan,
} from "./scan.ts";
import { readBar, readDelimiter } from "./table.ts";

const INDENT = /[^\S\n]+/y;
const QUOTE: Form = { whole: />(?:[^\n\S]|(?!=)(?=[^]))/y, begun: />$/y };
const HEADING: Form = {
  whole: /#{1,6}(?=\s)|#{2,6}(?=\p{L})/uy,
  begun: /#{1,6}$/y,
};
const RULE: Form = {
  whole:
    /([-*_])(?:[ \t]{0,32}\1){2,}[ \t]{0,32}(?=\r?\n)|={2,}[ \t]{0,32}(?=\r?\n)|(?:-{1,2}|\*{1,2}|_{1,2})[ \t]{0,32}(?=\r?\n)|\+(?:[-=]+\+)+[ \t]{0,32}(?=\r?\n)/y,
  begun:
    /([-*_=])(?:[ \t]{0,32}\1){0,64}[ \t]{0,32}\r?$|\+[-=+]{0,200}[ \t]{0,32}\r?$/y,
};
/** So long that it needs no end to be one. */
const LONG_RULE = /([-*_=])(?:[ \t]{0,32}\1){63}/y;
const BULLET: Form = {
  whole: /[-*+](?=[ \t])|[•‣⁃◦▪▫●○■□◆◇▸▹►∙](?=\s)|[•‣⁃◦](?=\S)/y,
  begun: /[-*+•‣⁃◦▪▫●○■□◆◇▸▹►∙]$/y,
};
const NUMBER: Form = {
  whole: /(\d{1,4})[.)](?=[ \t]{1,32}\S)/y,
  begun: /\d{1,4}(?:[.)][ \t]{0,32})?$/y,
};
const DIGITS = /\d{1,9}/y;
const TASK: Form = {
  whole: /\[[ xX]\](?=[ \t])/y,
  begun: /\[(?:[ xX]\]?)?$/y,
};
/**
 * Reads one thing at the start of a line; false when more text is needed, and
 * `undefined` when the words of the line begin.
 */
export function readLineStart(scan: Scan): boolean | undefined {
  const char = charAt(scan);
  if (char === "\n") return readBlankLine(scan);
  const space = matchAt(scan, INDENT)?.[0];
  if (space) {
    scan.at += space.length;
    scan.indent += space.length;
    scan.spoken.space(space);
    return true;
  }
  return readDelimiter(scan, char) ?? readBlock(scan, char);
}

/** What may begin with this character; `undefined` when it begins nothing. */
function readBlock(scan: Scan, char: string): boolean | undefined {
  switch (char) {
    case ">":
      return readQuote(scan);
    case "#":
      return readHeading(scan);
    case "`":
    case "~":
      return readFence(scan);
    case "|":
      return readBar(scan);
    case "<":
    case "◁":
      return readAngle(scan);
    case "{":
      return readBraces(scan);
    case "[":
      return (scan.marker ? readTask(scan) : undefined) ??
        readBraces(scan) ?? readBracket(scan);
    default:
      return /\d/.test(char)
        ? readNumber(scan)
        : readRule(scan) ?? readBullet(scan);
  }
}

function readBlankLine(scan: Scan): boolean {
  if (scan.item) scan.spoken.stop();
  scan.item = false;
  scan.open = { "*": 0, "_": 0, "~": 0 };
  scan.table = "";
  endLine(scan);
  return true;
}

function readQuote(scan: Scan): boolean | undefined {
  const found = look(scan, QUOTE);
  if (found === "more") return false;
  return found && leaveOut(scan, found[0].length);
}

function readHeading(scan: Scan): boolean | undefined {
  const found = look(scan, HEADING);
  if (found === "more") return false;
  if (!found) return undefined;
  beginBlock(scan);
  beginLine(scan);
  scan.heading = true;
  return leaveOut(scan, found[0].length);
}

function readRule(scan: Scan): boolean | undefined {
  if (matchAt(scan, LONG_RULE)) {
    beginBlock(scan);
    scan.skip = /(?=[^\s*_=-]|\n)/g;
    return true;
  }
  const found = look(scan, RULE);
  if (found === "more") return false;
  if (!found) return undefined;
  // Under a paragraph it makes that a heading; else it only parts.
  beginBlock(scan);
  return leaveOut(scan, found[0].length);
}

function readBullet(scan: Scan): boolean | undefined {
  const found = look(scan, BULLET);
  if (found === "more") return false;
  return found && beginItem(scan, found[0].length);
}

/** A number begins an item where a list begins or goes on, and not as in "3. Oktober". */
function readNumber(scan: Scan): boolean | undefined {
  const number = Number(matchAt(scan, DIGITS)?.[0]);
  if (number > scan.highest + 1) return undefined;
  const found = look(scan, NUMBER);
  if (found === "more") return false;
  if (!found) return undefined;
  scan.highest = Math.max(scan.highest, number);
  return beginItem(scan, found[0].length);
}

function beginItem(scan: Scan, length: number): true {
  beginBlock(scan);
  scan.item = scan.marker = true;
  return leaveOut(scan, length);
}

function readTask(scan: Scan): boolean | undefined {
  const found = look(scan, TASK);
  if (found === "more") return false;
  return found && leaveOut(scan, found[0].length);
}
