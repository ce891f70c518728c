/**
 * Brackets and addresses. Of a link its text is spoken, of an image its
 * description, of an address the name of the site, as one would say it. Notes
 * and definitions are left out, and so are remarks that the model was shown.
 *
 * @module
 */
import { SPACED, WORDY } from "./_characters.ts";
import type { Outcome, Rule, Scan } from "./_scan.ts";

/** Text in brackets, which may hold others. */
const TEXT = String.raw`((?:[^[\]\\\n]|\\.|\[[^[\]\n]*\]){0,200})`;

const CITATION = /^\d{1,3}(?:\s?[,–-]\s?\d{1,3})*$/;
const PUNCTUATION = /[.,;:!?)"'”’»。*_`]/;
/** What models mark off from their answer. */
const TEMPLATE_MARK = /^\/?(?:INST|SYS|THINK|TOOL_RESULTS|AVAILABLE_TOOLS)$/;
/** What the conversation's history and notes tell the model in brackets; it may imitate them. */
const REMARK =
  /^(?:interrupted(?: before anything was heard)?|It is now .*|Noted earlier in this call: .*|(?:caller|metadata\.[\w.-]+) is now .*|.*\bsaid while\b.*)$/i;

/** A link or an image. */
export const LINK: Rule = {
  whole: new RegExp(
    String
      .raw`^(!?)\[${TEXT}\](?:\(\s*(?:[^()\s]|\([^()\s]*\))*(?:\s+["'(][^\n]*?)?\s*\)|(\[)[^[\]\n]*\])`,
  ),
  begun: new RegExp(
    String
      .raw`^!?(?:\[${TEXT}(?:\\|\[[^[\]\n]*)?(?:\](?:\(\s*\S*(?:\s+(?:["'(][^\n]*)?)?|\[[^[\]\n]*)?)?)?$`,
  ),
  read(scan, [{ length }, image, text = "", reference]) {
    if (image === "" && isNote(scan, text)) {
      return scan.leaveOut(length, "thing");
    }
    if (reference && WORDY.test(scan.before)) return undefined;
    return replace(scan, text, length);
  },
};

/** Puts the text of a link in its place, to be read like any other. */
function replace(scan: Scan, text: string, length: number): true {
  if (text.trim() === "") scan.output.leaveOut("thing");
  scan.beginLine();
  scan.text = text + scan.text.slice(scan.at + length);
  scan.at = 0;
  return scan.pass(0);
}

/** Whether it is the number of a source. */
function isNote({ before }: Scan, text: string): boolean {
  return CITATION.test(text) &&
    (WORDY.test(before) || PUNCTUATION.test(before));
}

/** Another bracket, left out where it is not for the caller. */
export const BRACKET: Rule = {
  whole: new RegExp(String.raw`^\[${TEXT}\](?=[^])`),
  read(scan, [{ length }, text = ""]): Outcome {
    if (text === "TOOL_CALLS") return scan.leaveOutLine();
    if (text === "THINK") return scan.leaveOutTo(length, /\[\/THINK\]/g);
    return text.startsWith("^") || TEMPLATE_MARK.test(text) ||
        REMARK.test(text) || isNote(scan, text)
      ? scan.leaveOut(length, "thing")
      : undefined;
  },
};

/** A line that says where a link leads, or what a note says. */
export const DEFINITION: Rule = {
  whole:
    /^\[(?:\^[^[\]\n]{1,200}\]:|[^[\]\n]{1,200}\]:[ \t]*(?:https?:|www\.|mailto:|[/#<.]))/i,
  begun: /^\[[^[\]\n]{0,200}(?:\](?::[ \t]*[a-z]{0,6})?)?$/i,
  read: (scan) => scan.leaveOutLine(),
};

/** Characters of an address, and those that end the sentence around it unless more of it follows. */
const PART = `[${SPACED}/#[@$&+=%-]`;
const MARKS = ".,;:!?'*_~)\\]";
const LABEL = `[${SPACED}_-]+`;
const HOST = String.raw`(${LABEL}(?:\.${LABEL})*)(?!\.?${LABEL})`;
const REST = String
  .raw`(?:${PART}|[${MARKS}]+(?=${PART}|\()|\([^()\s]*\))*`;

/** An address; parentheses are part of it. */
export const ADDRESS: Rule = {
  whole: new RegExp(
    // The rest is read once, as a whole: `(?=(…))\2` is never tried shorter.
    String
      .raw`^(?:[hH]ttps?:\/\/(?:www\.)?|[wW]ww\.)${HOST}(?=(${REST}))\2(?=[${MARKS}]*(?:[^(${MARKS}]|\([^()\s]*[\s(]))`,
    "u",
  ),
  begun:
    /^(?:[hH](?:t(?:t(?:p(?:s?(?::\/?)?)?)?)?)?|[wW]w{0,2}|(?:[hH]ttps?:\/\/|[wW]ww\.)\S*)$/,
  when: ({ before }) => !IN_ADDRESS.test(before),
  read: (scan, [{ length }, host = ""]) => speakSite(scan, host, length),
};

/** What no address begins after. */
const IN_ADDRESS = new RegExp(`[${SPACED}_@]`, "u");

function speakSite(scan: Scan, host: string, length: number): true {
  scan.beginLine();
  scan.output.say(host);
  return scan.passMark(length, "/");
}

/** An address in angle brackets. */
export const AUTOLINK: Rule = {
  whole:
    /^<(?:https?:\/\/(?:www\.)?([^\s<>/?#:@]+)[^\s<>]*|(?:mailto:)?([\w.+-]+@[\w.-]+))>/i,
  begun: /^<[^\s<>]*$/,
  read: (scan, [{ length }, host, mail = ""]) =>
    speakSite(scan, host ?? mail, length),
};
