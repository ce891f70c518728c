/**
 * How far the reading of an answer has come, and the one way in which it looks
 * ahead: a form is whole, or may become whole when more text comes, or neither.
 * What is decided thus never depends on where the text was cut.
 *
 * @module
 */
import { createSpoken, type Gone, type Spoken } from "./spoken.ts";

/** A block of code that is being left out. */
export interface Fence {
  /** The marks that opened it. */
  marks: string;
  /** Whether it still has to be told from a tool call, by its first characters. */
  doubtful: boolean;
  /** What it holds, where that is in doubt. */
  held: string;
  /** Whether the part of its current line before `at` was left out. */
  inLine: boolean;
}

/** Where the reading stands. */
export interface Scan {
  /** Text not yet read, from `at` on. */
  text: string;
  /** The place in it. */
  at: number;
  /** No more text comes; the last line has got its line break. */
  ended: boolean;
  /** Where the words go. */
  spoken: Spoken;
  /** The character before `at`, as a neighbour of marks. */
  before: string;

  /** Only white space and markers of blocks were read in this line. */
  lineStart: boolean;
  /** How far the line is indented. */
  indent: number;
  /** A list marker is all that was read in this line. */
  marker: boolean;
  /** The line is a heading. */
  heading: boolean;
  /** A list item is open. */
  item: boolean;
  /** The line is a row of a table. */
  row: boolean;
  /** The table that is being read has bars at the start of its lines, or not. */
  table: "" | "barred" | "bare";
  /** The bars in this line are no table's. */
  plainBars: boolean;
  /** The highest number of a list item. */
  highest: number;

  /** Marks of emphasis that are open. */
  open: Record<"*" | "_" | "~", number>;
  /** How many ticks close the code that is being read. */
  ticks: number;
  /** An emoji was just taken out, and whether the next sign is joined to it. */
  emoji: "" | "whole" | "joined";
  /** Brackets open in the address whose rest is being left out. */
  address: number | undefined;

  /** Everything up to here is left out. */
  skip: RegExp | undefined;
  /** The block of code that is being left out. */
  fence: Fence | undefined;
  /** The answer, or a part of it, is itself in a block of code. */
  wrapped: boolean;
  /** JSON at `at`: how far it was read, and what is open there. */
  json: { length: number; depth: number; quote: string } | undefined;
  /** Up to here no JSON need be looked for. */
  prose: number;
  /** What stands for a block of code. */
  codeMessage: string;
}

/** Starts reading. */
export function createScan(codeMessage: string): Scan {
  return {
    text: "",
    at: 0,
    ended: false,
    spoken: createSpoken(),
    before: "",
    lineStart: true,
    indent: 0,
    marker: false,
    heading: false,
    item: false,
    row: false,
    table: "",
    plainBars: false,
    highest: 0,
    open: { "*": 0, "_": 0, "~": 0 },
    ticks: 0,
    emoji: "",
    address: undefined,
    skip: undefined,
    fence: undefined,
    wrapped: false,
    json: undefined,
    prose: 0,
    codeMessage,
  };
}

/**
 * What may come, as sticky expressions. Both are bounded, so that little is
 * held back and looking again is cheap.
 */
export interface Form {
  /** All of it. */
  whole: RegExp;
  /** A beginning of it, and then the end of the text. */
  begun: RegExp;
}

/** Looks for a form at `at`. */
export function look(
  scan: Scan,
  { whole, begun }: Form,
): RegExpExecArray | "more" | undefined {
  return matchAt(scan, whole) ??
    (!scan.ended && matchAt(scan, begun) ? "more" : undefined);
}

/** Matches a sticky expression at `at`, or elsewhere. */
export function matchAt(
  scan: Scan,
  expression: RegExp,
  at: number = scan.at,
): RegExpExecArray | undefined {
  expression.lastIndex = at;
  return expression.exec(scan.text) ?? undefined;
}

/** The character at `at`, both halves of it; "" at the end of the text. */
export function charAt(scan: Scan, at: number = scan.at): string {
  const point = scan.text.codePointAt(at);
  return point === undefined ? "" : String.fromCodePoint(point);
}

/** Takes out what comes next. */
export function leaveOut(
  scan: Scan,
  length: number,
  gone: Gone = "mark",
): true {
  scan.spoken.drop(gone);
  pass(scan, length);
  return true;
}

/** Takes out a mark that leaves the words around it as they are. */
export function passMark(scan: Scan, length: number, mark: string): true {
  pass(scan, length);
  scan.before = mark;
  return true;
}

/** Moves on over something that leaves no trace. */
export function pass(scan: Scan, length: number): void {
  scan.at += length;
  scan.emoji = "";
}

/** Speaks what comes next, as it is. */
export function speak(scan: Scan, length: number): void {
  const text = scan.text.slice(scan.at, scan.at + length);
  beginLine(scan);
  scan.spoken.say(text);
  scan.before = text.codePointAt(text.length - 2)! > 0xffff
    ? text.slice(-2)
    : text.slice(-1);
  pass(scan, length);
}

/** Speaks words that are not in the text, or were taken from it. */
export function speakWords(scan: Scan, words: string): void {
  beginLine(scan);
  for (const piece of words.split(/(\s+)/)) {
    if (/^\s/.test(piece)) scan.spoken.space(piece);
    else if (piece !== "") scan.spoken.say(piece);
  }
}

/** Closes whatever block was open, for another begins. */
export function beginBlock(scan: Scan): void {
  scan.spoken.stop();
  scan.spoken.drop("mark");
  scan.open = { "*": 0, "_": 0, "~": 0 };
  scan.item = scan.row = false;
  scan.table = "";
}

/** The first words of a line decide what becomes of the block before. */
export function beginLine(scan: Scan): void {
  if (!scan.lineStart) return;
  scan.lineStart = false;
  if (scan.table === "bare") {
    beginRow(scan);
  } else if (scan.table === "barred") {
    beginBlock(scan);
  } else if (scan.item && !scan.marker) {
    // Indented, it goes on with the item; otherwise it is a new paragraph.
    if (scan.indent === 0) beginBlock(scan);
    else scan.spoken.drop("mark");
  }
  scan.marker = false;
}

/** A row of the table begins. */
export function beginRow(scan: Scan): void {
  scan.spoken.stop();
  scan.spoken.drop("mark");
  scan.lineStart = false;
  scan.row = true;
}

/** Passes a line break. */
export function endLine(scan: Scan): void {
  if (scan.heading || scan.row) scan.spoken.stop();
  scan.heading =
    scan.row =
    scan.plainBars =
    scan.marker =
      false;
  scan.ticks = scan.indent = 0;
  scan.lineStart = true;
  scan.emoji = "";
  scan.before = "\n";
  scan.spoken.space("\n");
  scan.at++;
}
