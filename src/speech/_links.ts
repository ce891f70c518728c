/**
 * Brackets and addresses. Of a link its text is spoken, of an image its
 * description, of an address the name of the site, as one would say it. Notes
 * and definitions are left out, and so are remarks that the model was shown.
 *
 * @module
 */
import { UNSPACED } from "./_output.ts";
import {
  beginningOf,
  type Form,
  type Outcome,
  type Rule,
  type Scan,
} from "./_scan.ts";

/** How much is held for a link, in characters: its text, and where it leads. */
const MOST_TEXT = 200;
const MOST_TARGET = 1000;

const TARGET = /^\(\s*(?:<[^<>]*>|\S*)(?:\s+["'(].*)?\s*\)$/;
/** The target of a picture that is itself in the text: no end is in sight. */
const ENDLESS = /^\(\S{999}/;
const CITATION = /^\d{1,3}(?:\s?[,–-]\s?\d{1,3})*$/;
const DEFINITION: Form = {
  whole: /^:[ \t]*(?:https?:|www\.|mailto:|[/#<.])/i,
  begun: /^:[ \t]*[a-z]{0,6}$/i,
};
const CITED = /[\p{L}\p{N}\p{M}.,;:!?)"'”’»。*_`]/u;
const REASONING = /^(?:THINK|REASONING|THOUGHT)$/;
const TEMPLATE_MARK =
  /^\/?(?:INST|SYS|THINK|REASONING|THOUGHT|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS)$/;
/** What the conversation's history and notes tell the model in brackets; it may imitate them. */
const REMARK =
  /^(?:interrupted(?: before anything was heard)?|It is now .*|Noted earlier in this call: .*|(?:caller|metadata\.[\w.-]+) is now .*|.*\bsaid while\b.*)$/i;
const WORDY = /[\p{L}\p{N}]/u;

/** A bracket, or a picture's. */
export const BRACKET: Rule = {
  whole: /^!?\[/,
  begun: /^!$/,
  read: readBracket,
};

function readBracket(scan: Scan, [{ length }]: RegExpExecArray): Outcome {
  const end = findClosing(scan, length - 1, "[]", MOST_TEXT);
  if (typeof end !== "number") return end;
  if (scan.char(end) === "") return "more";
  const text = scan.text.slice(scan.at + length, scan.at + end - 1);
  const isImage = length === 2;
  return (isImage ? undefined : readHidden(scan, text, end)) ??
    readLink(scan, text, end, isImage);
}

/** Leaves out a bracket, and what belongs to it, that is not for the caller. */
function readHidden(scan: Scan, text: string, end: number): Outcome {
  if (scan.lineStart && scan.char(end) === ":") {
    const isNote = text.startsWith("^");
    const defined = isNote || scan.look(DEFINITION, end);
    if (defined === "more") return "more";
    if (defined) return leaveOutLine(scan);
  }
  if (text === "TOOL_CALLS") return leaveOutLine(scan);
  if (REASONING.test(text)) {
    return scan.leaveOutTo(end, new RegExp(`\\[/${text}\\]`, "gi"));
  }
  if (TEMPLATE_MARK.test(text)) return scan.leaveOut(end, "block");
  return text.startsWith("^") || REMARK.test(text)
    ? scan.leaveOut(end, "word")
    : undefined;
}

/** Speaks the text of a link, and leaves out a number that stands for a source. */
function readLink(
  scan: Scan,
  text: string,
  end: number,
  isImage: boolean,
): Outcome {
  const isNote = !isImage && CITATION.test(text) && CITED.test(scan.before);
  const after = scan.char(end);
  if (after === "(") {
    const to = findClosing(scan, end, "()", MOST_TARGET);
    if (to === "more") return "more";
    const target = scan.text.slice(scan.at + end, scan.at + (to ?? end + 1000));
    if (to && TARGET.test(target)) {
      return isNote ? scan.leaveOut(to, "word") : replace(scan, text, to);
    }
    if (ENDLESS.test(target)) {
      scan.speakWords(text);
      return scan.leaveOutTo(end, /\)|(?=\s)/g, "word");
    }
  }
  if (isNote) return scan.leaveOut(end, "word");
  if (after === "[" && !WORDY.test(scan.before)) {
    const to = findClosing(scan, end, "[]", MOST_TEXT);
    if (to === "more") return "more";
    if (to) return replace(scan, text, to);
  }
  return undefined;
}

/** Where the bracket so far on is closed in its line: how far the place after is. */
function findClosing(
  { text, at, ended }: Scan,
  offset: number,
  [opening, closing]: string | string[],
  most: number,
): number | "more" | undefined {
  let depth = 0;
  for (let length = offset; length < offset + most; length++) {
    const char = text[at + length];
    if (char === undefined) return ended ? undefined : "more";
    if (char === "\n") return undefined;
    if (char === "\\" && text[at + length + 1] !== "\n") length++;
    else if (char === opening) depth++;
    else if (char === closing && --depth === 0) return length + 1;
  }
  return undefined;
}

/** Puts the text of a link in its place, to be read like any other. */
function replace(scan: Scan, text: string, length: number): true {
  if (text.trim() === "") scan.output.leaveOut("word");
  scan.beginLine();
  const end = scan.at + length;
  scan.jsonFrom = Math.max(scan.jsonFrom - end + text.length, 0);
  scan.text = text + scan.text.slice(end);
  scan.at = 0;
  return scan.pass(0);
}

/** Leaves out the rest of the line, but not its end. */
function leaveOutLine(scan: Scan): true {
  return scan.leaveOutTo(0, /(?=\n)/g);
}

/** A mark such as a search tool leaves, "【4†source】". */
export const CITATION_MARK: Rule = {
  whole: /^【\d{1,4}(?:[:†][^】\n]*)?】/,
  begun: /^【(?:\d{1,4}(?:[:†][^】\n]*)?)?$/,
  read: (scan, [mark]) => scan.leaveOut(mark.length, "word"),
};

const HOST = `(?:(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}._-])`;
const SCHEMES = ["https://", "http://", "ftp://", "www."];
/** What no address begins after. */
const IN_ADDRESS = new RegExp(`(?![${UNSPACED}])[\\p{L}\\p{N}_@]`, "u");

/** An address. */
export const ADDRESS: Rule = {
  whole: new RegExp(
    `^(?:(?:https?|ftp)://|(?=www\\.))(${HOST}+)(?!${HOST})(?=[^])`,
    "iu",
  ),
  begun: new RegExp(
    `^(?:${
      SCHEMES.map(beginningOf).join("|")
    }|(?:(?:https?|ftp)://|www\\.)${HOST}*)$`,
    "iu",
  ),
  when: ({ before }) => !IN_ADDRESS.test(before),
  read(scan, [whole, given = ""]) {
    const host = given.replace(/[._-]+$/, "");
    if (!/[^.]/.test(host.replace(/^www(?:\.|$)/i, ""))) return undefined;
    const isMail = scan.char(whole.length) === "@" && whole === given;
    if (isMail) return undefined;
    if (host === given) scan.reader = readAddress;
    return speakSite(scan, host, whole.length - given.length + host.length);
  },
};

function speakSite(
  scan: Scan,
  host: string,
  length: number,
  before = "/",
): true {
  scan.beginLine();
  scan.output.say(host.replace(/^www\./i, ""));
  return scan.passMark(length, before);
}

const PART = `(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}/#[@$&+=%-]`;
const PARTS = new RegExp(`(?:${PART})+`, "uy");
/**
 * Brackets are part of an address. Other punctuation ends the sentence around
 * it, unless more of the address follows.
 */
const PUNCTUATION: Form = {
  whole: new RegExp(
    `^(?:[(][^()\\s]*[)]|[.,;:!?'*_~)\\]]+(?=[(]|${PART}))`,
    "u",
  ),
  begun: /^(?:[(][^()\s]*|[.,;:!?'*_~)\]]+)$/,
};

/** Leaves out the rest of an address. */
function readAddress(scan: Scan): Outcome {
  const parts = scan.match(PARTS);
  if (parts) return scan.pass(parts.length);
  const found = scan.look(PUNCTUATION);
  if (found === "more") return "more";
  if (found) return scan.pass(found[0].length);
  scan.reader = undefined;
  return true;
}

/** An address in angle brackets. */
export const AUTOLINK: Rule = {
  whole:
    /^<(?:(?:https?|ftp):\/\/([^\s<>/?#:@]+)[^\s<>]*|(?:mailto:)?([\w.+-]+@[\w.-]+))>/i,
  begun: /^<[^\s<>]*$/,
  read: (scan, [whole, host, mail = ""]) =>
    speakSite(scan, host ?? mail, whole.length, ">"),
};
