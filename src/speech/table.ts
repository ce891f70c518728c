/**
 * Tables. A row is spoken cell by cell, as a sentence; the head is a row like
 * any other, and the row of dashes below it goes.
 *
 * @module
 */
import {
  beginBlock,
  beginRow,
  type Form,
  leaveOut,
  look,
  type Scan,
} from "./scan.ts";

const DELIMITER: Form = {
  whole: /\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\r?\n/y,
  begun: /[-:| \t]{1,500}\r?$/y,
};

/** Reads the row of dashes in a table; `undefined` when this is another line. */
export function readDelimiter(
  scan: Scan,
  char: string,
): boolean | undefined {
  if (!scan.table || !/[-:|]/.test(char)) return undefined;
  const found = look(scan, DELIMITER);
  if (found === "more") return false;
  return found && leaveOut(scan, found[0].length);
}

/** A bar at the start of a line is a row's in a table, or where one begins. */
export function readBar(scan: Scan): boolean | undefined {
  if (scan.table === "") {
    const ahead = lookForTable(scan);
    if (ahead === "more") return false;
    if (!ahead) return undefined;
    beginBlock(scan);
    scan.table = "barred";
  }
  beginRow(scan);
  return leaveOut(scan, 1);
}

/** Reads a bar within a line. */
export function readCellBar(scan: Scan): boolean | undefined {
  if (!scan.row) {
    if (scan.plainBars || scan.heading || scan.item) return undefined;
    const ahead = lookForTable(scan);
    if (ahead === "more") return false;
    if (!ahead) return undefined;
    scan.table = "bare";
    scan.row = true;
  }
  scan.spoken.cell();
  scan.open = { "*": 0, "_": 0, "~": 0 };
  scan.before = "|";
  return leaveOut(scan, 1);
}

/** A line longer than this is no table's first. */
const MOST_HEADER = 600;
const BARRED_ROW = /^\|[ \t].*[ \t]\|[ \t].*\|\s*$/;

/**
 * Whether the rest of this line is a table's first: a row of dashes follows,
 * or it has bars at both ends and between.
 */
function lookForTable(scan: Scan): boolean | "more" {
  const line = scan.text.slice(scan.at, scan.at + MOST_HEADER);
  const end = line.indexOf("\n");
  if (end < 0 && line.length < MOST_HEADER) return "more";
  if (end >= 0 && scan.lineStart && BARRED_ROW.test(line.slice(0, end))) {
    return true;
  }
  const below = { ...scan, at: scan.at + end + 1 };
  const delimiter = end < 0 ? undefined : look(below, DELIMITER);
  const none = end >= 0 && below.at === scan.text.length && !scan.ended;
  if (delimiter === "more" || none) return "more";
  scan.plainBars = !delimiter?.[0].includes("|");
  return !scan.plainBars;
}
