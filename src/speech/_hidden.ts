/**
 * What was never meant for the caller: reasoning, tool calls written as text,
 * the marks of a model's template; and HTML, whose words stay.
 *
 * @module
 */
import { WORDY } from "./_characters.ts";
import { AUTOLINK } from "./_links.ts";
import type { Outcome, Rule, Scan } from "./_scan.ts";

/** Elements that hold reasoning, a tool call, or something for machines. */
const HIDDEN = String
  .raw`(?:\w+:)?(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad|analysis|(?:tool|function)(?:_?(?:calls?|code|use|outputs?|results?|responses?))?|invoke|script|style|svg|math|head|template)`;
const IS_HIDDEN = new RegExp(`^${HIDDEN}(?:=.*)?$`, "i");
const HIDDEN_END = new RegExp(`[<◁]/${HIDDEN}\\s*[>▷]`, "gi");
const LINE_BREAK = /^(?:br|p|div|[uod]l|table|hr|blockquote|pre|section)$/i;
const SENTENCE = /^(?:li|tr|h[1-6]|d[td]|summary|title)$/i;
const CELL = /^t[dh]$/i;
/** These may stand within a word. Of another, "Array<string>" is an example. */
const INLINE =
  /^(?:a|b|break|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strike|strong|su[bp]|u|var)$/i;

const TAG: Rule = {
  whole:
    /^[<◁](\/?)([a-z][\w:.-]*(?:=[^\s<>]+)?)(\s+[\w:@.-]+\s*=[^<>]*|\s*\/?)[>▷]/i,
  begun:
    /^[<◁]\/?(?:[a-z][\w:.-]*(?:=[^\s<>]*)?(?:\s*\/?|\s+[\w:@.-]+\s*(?:=[^<>]*)?))?$/i,
  read(scan, [{ length }, slash, name = "", attributes = ""]) {
    const opens = slash === "";
    if (IS_HIDDEN.test(name)) {
      return opens
        ? scan.leaveOutTo(length, HIDDEN_END)
        : scan.leaveOut(length, "thing");
    }
    if (name === "start_of_turn") return scan.leaveOutTo(length, /\n/g);
    if (LINE_BREAK.test(name)) {
      scan.output.space("\n");
    } else if (SENTENCE.test(name)) {
      scan.output.endSentence();
      scan.output.space("\n");
    } else if (CELL.test(name)) {
      if (opens) scan.output.beginCell();
    } else if (opens && !attributes.includes("=") && !INLINE.test(name)) {
      if (WORDY.test(scan.before)) return undefined;
    }
    return scan.leaveOut(length);
  },
};

const COMMENT: Rule = {
  whole: /^<!--/,
  begun: /^<!-?$/,
  read: (scan) => scan.leaveOutTo(0, /-->/g),
};

/** Where a channel ends that is not the answer's. */
const ANSWER = /<\|channel\|>final[^<\n]{0,20}<\|message\|>|<channel\|>/g;
const CALLS_END = /<[|｜]\/?[\w▁]{0,30}end[|｜]>|<\/[|｜]?tool_calls?[|｜]?>/g;

/** A mark of a model's template, "<|channel|>" among them. */
const TEMPLATE_MARK: Rule = {
  whole: /^<\/?[|｜]([\w :./▁-]+)[|｜]?>/,
  begun: /^<\/?(?:[|｜][\w :./▁-]*[|｜]?)?$/,
  read(scan, [{ length }, given = ""]) {
    const name = given.replace(/[▁ ]/g, "_");
    if (/^(?:start|channel.*)$/.test(name)) return scan.leaveOutTo(0, ANSWER);
    if (/^(?:im_start|start_header_id)$/.test(name)) {
      return scan.leaveOutTo(length, /\n|<\|end_header_id\|>/g);
    }
    if (/^(?:tool|function)\w*begin|^tool_calls?$/.test(name)) {
      return scan.leaveOutTo(length, CALLS_END);
    }
    return scan.leaveOut(length, "thing");
  },
};

/** What "<" may begin. */
export const ANGLES: readonly Rule[] = [TEMPLATE_MARK, AUTOLINK, COMMENT, TAG];

const KEY = `["'](?:name|tool|tool_name|function|type)["']`;

/** How JSON begins that calls a tool. */
export const CALL = String
  .raw`(?:\[\s*)?\{\s*${KEY}\s*:[^]*?["'](?:arguments|parameters|args)["']\s*:`;

/** What may yet become that. */
export const CALL_BEGUN = String
  .raw`(?:\[\s*)?(?:\{\s*(?:["'][a-z_]{0,9}|${KEY}[^]*)?)?`;

/** A tool call in JSON, at the start of a line. */
export const JSON_CALL: Rule = {
  whole: new RegExp(`^${CALL}`),
  begun: new RegExp(`^${CALL_BEGUN}$`),
  read(scan) {
    scan.output.leaveOut("thing");
    scan.reader = createJsonReader(scan);
    return true;
  },
};

/** Leaves out JSON up to its end. */
function createJsonReader(scan: Scan): () => Outcome {
  let depth = 0;
  let quote = "";
  let isEscaped = false;
  return () => {
    while (scan.at < scan.text.length) {
      const char = scan.text.charAt(scan.at++);
      if (isEscaped) isEscaped = false;
      else if (char === "\\") isEscaped = true;
      else if (quote !== "") quote = char === quote ? "" : quote;
      else if (char === '"' || char === "'") quote = char;
      else if (char === "{" || char === "[") depth++;
      else if ((char === "}" || char === "]") && --depth === 0) {
        scan.reader = undefined;
        break;
      }
    }
    return true;
  };
}
