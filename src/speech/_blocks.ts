/**
 * What is told by the start of a line: headings, lists, quotes, rules and
 * tables. Their marks go. Each heading, item and row becomes a sentence; the
 * row of dashes below a table's head goes.
 *
 * @module
 */
import { FENCE } from "./_fence.ts";
import { JSON_CALL } from "./_hidden.ts";
import {
  type Form,
  type Outcome,
  type Rule,
  type Scan,
  toRules,
} from "./_scan.ts";

const INDENT = /[^\S\n]+/y;
const DIGITS = /\d+/y;
const NEVER = /(?!)/;

/**
 * Reads one thing at the start of a line; `undefined` when the words of the
 * line begin.
 */
export function readLineStart(scan: Scan): Outcome {
  const char = scan.char();
  if (char === "\n") return readBlankLine(scan);
  const space = scan.match(INDENT);
  if (space) {
    scan.indent += space.length;
    scan.output.space(space);
    return scan.pass(space.length);
  }
  return scan.apply(BLOCKS, char);
}

function readBlankLine(scan: Scan): true {
  if (scan.item) scan.output.endSentence();
  scan.item = false;
  scan.open = { "*": 0, "_": 0, "~": 0 };
  scan.table = "";
  return scan.endLine();
}

const DELIMITER: Form = {
  whole: /^\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?\r?\n/,
  begun: /^[-:| \t]*\r?$/,
};

const DASHES: Rule = { ...DELIMITER, when: ({ table }) => table !== "" };
const QUOTE: Rule = { whole: /^>(?:[^\n\S]|(?!=)(?=[^]))/, begun: /^>$/ };
const HEADING: Rule = {
  whole: /^#{1,6}(?=\s)|^#{2,6}(?=\p{L})/u,
  begun: /^#{1,6}$/,
  read(scan, [mark]) {
    scan.beginBlock();
    scan.beginLine();
    scan.heading = true;
    return scan.leaveOut(mark.length);
  },
};
/** The box of a task. */
const BOX: Rule = {
  whole: /^\[[ xX]\](?=[ \t])/,
  begun: /^\[(?:[ xX]\]?)?$/,
  when: ({ marker }) => marker,
};
/** Begins an item where a list begins or goes on, and not as in "3. Oktober". */
const NUMBER: Rule = {
  whole: /^\d{1,4}[.)](?=[ \t]+\S)/,
  begun: /^\d{1,4}(?:[.)][ \t]*)?$/,
  when: (scan) => Number(scan.match(DIGITS)) <= scan.highest + 1,
  read(scan, [mark]) {
    scan.highest = Math.max(scan.highest, parseInt(mark));
    return beginItem(scan, mark.length);
  },
};
/** Makes the paragraph above it a heading, or only parts. */
const LINE: Rule = {
  whole: /^(?:([-*_])(?:[ \t]*\1){0,199}|={2,}|\+(?:[-=]+\+)+)[ \t]*(?=\r?\n)/,
  begun: /^(?:([-*_=])(?:[ \t]*\1){0,199}|\+[-=+]*)[ \t]*\r?$/,
  read(scan, [marks]) {
    scan.beginBlock();
    return scan.leaveOut(marks.length);
  },
};
const BULLET: Rule = {
  whole: /^[-*+](?=[ \t])|^[•‣⁃◦▪▫●○■□◆◇▸▹►∙](?=\s)|^[•‣⁃◦](?=\S)/,
  begun: /^.$/,
  read: (scan, [mark]) => beginItem(scan, mark.length),
};

function beginItem(scan: Scan, length: number): true {
  scan.beginBlock();
  scan.item = scan.marker = true;
  return scan.leaveOut(length);
}

const BAR: Rule = { whole: /^\|/, begun: NEVER, read: readBar };

/** A bar at the start of a line is a row's in a table, or where one begins. */
function readBar(scan: Scan): Outcome {
  if (scan.table === "") {
    const begins = beginsTable(scan);
    if (begins !== true) return begins;
    scan.beginBlock();
    scan.table = "barred";
  }
  scan.beginRow();
  return scan.leaveOut(1);
}

/** A bar within a line. */
export const CELL_BAR: Rule = {
  whole: /^\|/,
  begun: NEVER,
  read(scan) {
    if (!scan.row) {
      if (scan.plainBars || scan.heading || scan.item) return undefined;
      const begins = beginsTable(scan);
      if (begins !== true) return begins;
      scan.table = "bare";
      scan.row = true;
    }
    scan.output.beginCell();
    scan.open = { "*": 0, "_": 0, "~": 0 };
    scan.before = "|";
    return scan.leaveOut(1);
  },
};

/** The rest of a table's first line. */
const HEAD: Form = { whole: /^[^\n]*\n/, begun: /^/ };

/**
 * Whether the rest of this line is a table's first: a row of dashes follows,
 * or it has bars at both ends and between.
 */
function beginsTable(scan: Scan): Outcome {
  const head = scan.look(HEAD);
  if (head === "more") return "more";
  if (head && scan.lineStart && hasCells(head[0].trimEnd())) return true;
  const delimiter = head && scan.look(DELIMITER, head[0].length);
  if (delimiter === "more") return "more";
  scan.plainBars = !delimiter?.[0].includes("|");
  return scan.plainBars ? undefined : true;
}

function hasCells(line: string): boolean {
  return /^\|[ \t].*\|$/.test(line) && /[ \t]\|[ \t]/.test(line.slice(2));
}

const BLOCKS = toRules({
  ">": [QUOTE],
  "#": [HEADING],
  "`~": [FENCE],
  "|": [DASHES, BAR],
  ":": [DASHES],
  "[": [BOX, JSON_CALL],
  "{": [JSON_CALL],
  "0123456789": [NUMBER],
  "-": [DASHES, LINE, BULLET],
  "*+": [LINE, BULLET],
  "_=": [LINE],
  "•‣⁃◦▪▫●○■□◆◇▸▹►∙": [BULLET],
});
