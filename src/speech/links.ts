/**
 * Brackets: of a link its text is spoken, of an image its description; notes
 * and definitions are left out.
 *
 * @module
 */
import { toSiteName } from "./address.ts";
import {
  beginLine,
  type Form,
  leaveOut,
  look,
  matchAt,
  type Scan,
  speakWords,
} from "./scan.ts";

/** How much is held for a link: its text, and where it leads. */
const MOST_TEXT = 200;
const MOST_TARGET = 1000;

const TARGET = /^\s*(?:<[^<>]*>|\S*)(?:\s+["'(].*)?\s*$/;
const DATA = /\(data:[\w/+.-]{1,80}[;,]/y;
const CITATION = /^\d{1,3}(?:\s?[,–-]\s?\d{1,3})*$/;
const DEFINITION: Form = {
  whole: /:[ \t]{0,8}(?:https?:|www\.|mailto:|[/#<.])/iy,
  begun: /:[ \t]{0,8}[a-z]{0,6}$/iy,
};
const CITED = /[\p{L}\p{N}\p{M}.,;:!?)"'”’»。*_`]/u;
const REASONING = /^(?:THINK|REASONING|THOUGHT)$/;
const TOKEN =
  /^\/?(?:INST|SYS|THINK|REASONING|THOUGHT|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS)$/;
const WORDY = /[\p{L}\p{N}]/u;

/**
 * Reads what an opening bracket opens, or "![" does; `undefined` when it is a
 * bracket and no more.
 */
export function readBracket(scan: Scan, image = false): boolean | undefined {
  const from = scan.at + (image ? 1 : 0);
  const end = findClosing(scan, from, "[]", MOST_TEXT);
  if (end === "more") return false;
  if (!end) return undefined;
  const text = scan.text.slice(from + 1, end - 1);
  const after = scan.text[end];
  if (after === undefined) return false;

  if (scan.lineStart && after === ":") {
    if (text.startsWith("^")) return skipLine(scan);
    const defined = look({ ...scan, at: end }, DEFINITION);
    if (defined === "more") return false;
    if (defined) return skipLine(scan);
  }
  if (text.startsWith("^") && !image) {
    return leaveOut(scan, end - scan.at, "word");
  }
  if (text === "TOOL_CALLS") return skipLine(scan);
  if (TOKEN.test(text)) {
    if (REASONING.test(text)) scan.skip = new RegExp(`\\[/${text}\\]`, "gi");
    return leaveOut(scan, end - scan.at, "block");
  }

  const note = CITATION.test(text) && CITED.test(scan.before) && !image;
  if (after === "(") {
    if (matchAt(scan, DATA, end)) {
      speakWords(scan, text);
      scan.skip = /\)|(?=\s)/g;
      return leaveOut(scan, end - scan.at, "word");
    }
    const target = findClosing(scan, end, "()", MOST_TARGET);
    if (target === "more") return false;
    if (target && TARGET.test(scan.text.slice(end + 1, target - 1))) {
      return note
        ? leaveOut(scan, target - scan.at, "word")
        : replace(scan, text, target);
    }
  }
  if (note) return leaveOut(scan, end - scan.at, "word");
  if (after === "[" && !WORDY.test(scan.before)) {
    const label = findClosing(scan, end, "[]", MOST_TEXT);
    if (label === "more") return false;
    if (label) return replace(scan, text, label);
  }
  return undefined;
}

/** Where the bracket at `from` is closed in its line: the place after. */
function findClosing(
  scan: Scan,
  from: number,
  [opening, closing]: string | string[],
  most: number,
): number | "more" | undefined {
  const { text, ended } = scan;
  let depth = 0;
  for (let at = from; at - from < most; at++) {
    const char = text[at];
    if (char === undefined) return ended ? undefined : "more";
    if (char === "\n") return undefined;
    if (char === "\\" && text[at + 1] !== "\n") at++;
    else if (char === opening) depth++;
    else if (char === closing && --depth === 0) return at + 1;
  }
  return undefined;
}

/** Puts the text of a link in its place, to be read like any other. */
function replace(scan: Scan, text: string, end: number): true {
  const name = toSiteName(text);
  scan.emoji = "";
  if (text.trim() === "") scan.spoken.drop("word");
  beginLine(scan);
  if (name !== undefined) {
    scan.spoken.say(name);
    scan.at = end;
  } else {
    scan.prose = Math.max(scan.prose - end + text.length, 0);
    scan.text = text + scan.text.slice(end);
    scan.at = 0;
  }
  return true;
}

/** Leaves out the rest of the line, but not its end. */
function skipLine(scan: Scan): true {
  scan.spoken.drop("block");
  scan.skip = /(?=\n)/g;
  return true;
}

const CITATION_MARK: Form = {
  whole: /【\d{1,4}(?:[:†][^】\n]{0,100})?】/y,
  begun: /【(?:\d{1,4}(?:[:†][^】\n]{0,100})?)?$/y,
};

/** Reads a mark such as a search tool leaves, "【4†source】". */
export function readCitationMark(scan: Scan): boolean | undefined {
  const found = look(scan, CITATION_MARK);
  if (found === "more") return false;
  return found && leaveOut(scan, found[0].length, "word");
}
