/**
 * Reads brackets, tags and URLs. The text of a link, the description of an image,
 * the host name of a URL and the text within HTML tags are spoken.
 *
 * What is not meant for the caller is left out: footnotes and definitions,
 * remarks from the model's prompt, reasoning, tool calls written as text, and the
 * marks of a model's chat template.
 *
 * @module
 */
import { IS_WORD_CHARACTER, SPACED } from "./_characters.ts";
import type { Outcome, Rule, Scan } from "./_scan.ts";

/** Text in brackets, which may contain other brackets. */
const TEXT = String.raw`((?:[^[\]\\\n]|\\.|\[[^[\]\n]*\]){0,200})`;

const CITATION = /^\d{1,3}(?:\s?[,–-]\s?\d{1,3})*$/;
const PUNCTUATION = /[.,;:!?)"'”’»。*_`]/;
/** Marks of a model's chat template. */
const BRACKET_MARK = /^\/?(?:INST|SYS|THINK|TOOL_RESULTS|AVAILABLE_TOOLS)$/;
/** Remarks in brackets that the model's prompt contains, and that a model may imitate. */
const REMARK =
  /^(?:interrupted(?: before anything was heard)?|It is now .*|Noted earlier in this call: .*|(?:caller|metadata\.[\w.-]+) is now .*|.*\bsaid while\b.*)$/i;

const LINE_END = /(?=\n)/g;

/** A link or an image. */
export const LINK: Rule = {
  complete: new RegExp(
    String
      .raw`^(!?)\[${TEXT}\](?:\(\s*(?:[^()\s]|\([^()\s]*\))*(?:\s+["'(][^\n]*?)?\s*\)|(\[)[^[\]\n]*\])`,
  ),
  partial: new RegExp(
    String
      .raw`^!?(?:\[${TEXT}(?:\\|\[[^[\]\n]*)?(?:\](?:\(\s*\S*(?:\s+(?:["'(][^\n]*)?)?|\[[^[\]\n]*)?)?)?$`,
  ),
  read(scan, [{ length }, image, text = "", reference]) {
    if (image === "" && isNote(scan, text)) {
      return scan.leaveOut(length, "thing");
    }
    if (reference && IS_WORD_CHARACTER.test(scan.before)) return undefined;
    if (text.trim() === "") scan.output.leaveOut("thing");
    scan.beginLine();
    // The text of the link replaces it, and is then read as usual.
    scan.text = text + scan.text.slice(scan.at + length);
    scan.at = 0;
    return scan.pass(0);
  },
};

/** Whether a text in brackets is the number of a source. */
function isNote({ before }: Scan, text: string): boolean {
  return CITATION.test(text) &&
    (IS_WORD_CHARACTER.test(before) || PUNCTUATION.test(before));
}

/** Any other text in brackets, left out if it is not meant for the caller. */
export const BRACKET: Rule = {
  complete: new RegExp(String.raw`^\[${TEXT}\](?=[^])`),
  read(scan, [{ length }, text = ""]): Outcome {
    if (text === "TOOL_CALLS") return scan.leaveOutTo(0, LINE_END);
    if (text === "THINK") return scan.leaveOutTo(length, /\[\/THINK\]/g);
    return text.startsWith("^") || BRACKET_MARK.test(text) ||
        REMARK.test(text) || isNote(scan, text)
      ? scan.leaveOut(length, "thing")
      : undefined;
  },
};

/** A line that defines the target of a link, or the text of a footnote. */
export const DEFINITION: Rule = {
  complete:
    /^\[(?:\^[^[\]\n]{1,200}\]:|[^[\]\n]{1,200}\]:[ \t]*(?:https?:|www\.|mailto:|[/#<.]))/i,
  partial: /^\[[^[\]\n]{0,200}(?:\](?::[ \t]*[a-z]{0,6})?)?$/i,
  read: (scan) => scan.leaveOutTo(0, LINE_END),
};

/** Characters of a URL, and those that are part of it only if more of it follows. */
const PART = `[${SPACED}/#[@$&+=%-]`;
const MARKS = ".,;:!?'*_~)\\]";
const LABEL = `[${SPACED}_-]+`;
const HOST = String.raw`(${LABEL}(?:\.${LABEL})*)(?!\.?${LABEL})`;
const REST = String
  .raw`(?:${PART}|[${MARKS}]+(?=${PART}|\()|\([^()\s]*\))*`;

/** A URL, which may contain parentheses. */
export const ADDRESS: Rule = {
  complete: new RegExp(
    // The rest is matched atomically: `(?=(…))\2` prevents backtracking.
    String
      .raw`^(?:[hH]ttps?:\/\/(?:www\.)?|[wW]ww\.)${HOST}(?=(${REST}))\2(?=[${MARKS}]*(?:[^(${MARKS}]|\([^()\s]*[\s(]))`,
    "u",
  ),
  partial:
    /^(?:[hH](?:t(?:t(?:p(?:s?(?::\/?)?)?)?)?)?|[wW]w{0,2}|(?:[hH]ttps?:\/\/|[wW]ww\.)\S*)$/,
  when: ({ before }) => !IN_ADDRESS.test(before),
  read: (scan, [{ length }, host = ""]) => speakSite(scan, host, length),
};

/** A URL does not begin after these characters. */
const IN_ADDRESS = new RegExp(`[${SPACED}_@]`, "u");

function speakSite(scan: Scan, host: string, length: number): true {
  scan.beginLine();
  scan.output.say(host);
  return scan.passMark(length, "/");
}

/** A URL or an email address in angle brackets. */
const AUTOLINK: Rule = {
  complete:
    /^<(?:https?:\/\/(?:www\.)?([^\s<>/?#:@]+)[^\s<>]*|(?:mailto:)?([\w.+-]+@[\w.-]+))>/i,
  partial: /^<[^\s<>]*$/,
  read: (scan, [{ length }, host, mail = ""]) =>
    speakSite(scan, host ?? mail, length),
};

/** Elements with reasoning, a tool call, or something for machines. */
const HIDDEN = String
  .raw`(?:\w+:)?(?:think(?:ing)?|thoughts?|reasoning|reflection|scratchpad|analysis|(?:tool|function)(?:_?(?:calls?|code|use|outputs?|results?|responses?))?|invoke|script|style|svg|math|head|template)`;
const IS_HIDDEN = new RegExp(`^${HIDDEN}(?:=.*)?$`, "i");
const HIDDEN_END = new RegExp(`[<◁]/${HIDDEN}\\s*[>▷]`, "gi");
const LINE_BREAK = /^(?:br|p|div|[uod]l|table|hr|blockquote|pre|section)$/i;
const SENTENCE = /^(?:li|tr|h[1-6]|d[td]|summary|title)$/i;
const CELL = /^t[dh]$/i;
/** Tags that may occur within a word. Any other may be code, such as "Array<string>". */
const INLINE =
  /^(?:a|b|break|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|small|span|strike|strong|su[bp]|u|var)$/i;

const TAG: Rule = {
  complete:
    /^[<◁](\/?)([a-z][\w:.-]*(?:=[^\s<>]+)?)(\s+[\w:@.-]+\s*=[^<>]*|\s*\/?)[>▷]/i,
  partial:
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
      if (IS_WORD_CHARACTER.test(scan.before)) return undefined;
    }
    return scan.leaveOut(length);
  },
};

const COMMENT: Rule = {
  complete: /^<!--/,
  partial: /^<!-?$/,
  read: (scan) => scan.leaveOutTo(0, /-->/g),
};

/** Ends a channel other than the answer's. */
const ANSWER = /<\|channel\|>final[^<\n]{0,20}<\|message\|>|<channel\|>/g;
const CALLS_END = /<[|｜]\/?[\w▁]{0,30}end[|｜]>|<\/[|｜]?tool_calls?[|｜]?>/g;

/** A mark of a model's chat template, such as "<|channel|>". */
const TEMPLATE_MARK: Rule = {
  complete: /^<\/?[|｜]([\w :./▁-]+)[|｜]?>/,
  partial: /^<\/?(?:[|｜][\w :./▁-]*[|｜]?)?$/,
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

/** The rules for what begins with an angle bracket. */
export const ANGLES: readonly Rule[] = [TEMPLATE_MARK, AUTOLINK, COMMENT, TAG];

const KEY = `["'](?:name|tool|tool_name|function|type)["']`;

/** The beginning of a tool call in JSON. */
export const CALL = String
  .raw`(?:\[\s*)?\{\s*${KEY}\s*:[^]*?["'](?:arguments|parameters|args)["']\s*:`;

/** What may become {@linkcode CALL}. */
export const PARTIAL_CALL = String
  .raw`(?:\[\s*)?(?:\{\s*(?:["'][a-z_]{0,9}|${KEY}[^]*)?)?`;

/** A tool call that a model wrote as text, which is left out. */
export const JSON_CALL: Rule = {
  complete: new RegExp(`^${CALL}`),
  partial: new RegExp(`^${PARTIAL_CALL}$`),
  read(scan) {
    scan.output.leaveOut("thing");
    scan.reader = createJsonReader(scan);
    return true;
  },
};

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
