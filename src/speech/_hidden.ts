/**
 * What was never meant for the caller: reasoning, tool calls written as text,
 * the marks of a model's template; and HTML, whose words stay.
 *
 * @module
 */
import { AUTOLINK } from "./_links.ts";
import type { Form, Outcome, Rule, Scan } from "./_scan.ts";

const REASONING = String
  .raw`(?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|inner_monologue)`;
const IS_REASONING = new RegExp(`^${REASONING}$`, "i");
const REASONING_END = new RegExp(`[<◁]/${REASONING}\\s*[>▷]`, "gi");
const CALL =
  /^(?:\w+:)?(?:tool|function)_?(?:calls?|code|use|outputs?|results?|responses?)?$|^(?:\w+:)?invoke$|^(?:function|tool)=/i;
/** The content of these is for machines, too. */
const MACHINE = /^(?:script|style|svg|math|head|template|noscript)$/i;
const LINE_BREAK =
  /^(?:br|p|div|[uod]l|table|t(?:head|body|foot)|hr|blockquote|pre|section|article|header|footer|nav|main|aside|details|figure|form|fieldset|center|body|html|address)$/i;
const SENTENCE =
  /^(?:li|tr|h[1-6]|d[td]|caption|figcaption|summary|title|legend|option)$/i;
const CELL = /^t[dh]$/i;
/** These may stand within a word. Of another, "Array<string>" is an example. */
const INLINE =
  /^(?:a|abbr|b|big|break|button|cite|code|data|del|em|emphasis|font|i|iframe|img|input|ins|kbd|label|mark|prosody|q|r[pt]|ruby|s|samp|small|span|strike|strong|su[bp]|time|tt|u|var|video|voice|wbr)$/i;
const WORDY = /[\p{L}\p{N}]/u;

/** The rest of a tag: a first attribute, and whatever follows it. */
const QUOTED = `(?:"[^"]*"|'[^']*'|[^<>▷"'])*`;
const FLAG =
  "(?:async|autoplay|checked|controls|defer|disabled|hidden|loop|open)";

const TAG: Rule = {
  whole: new RegExp(
    String
      .raw`^[<◁](\/?)([a-z][\w:.-]*(?:=[^\s<>]+)?)(?:(\s+(?:[\w:@.-]+\s*=|${FLAG}(?=[\s/>]))${QUOTED})|\s*\/?)[>▷]`,
    "i",
  ),
  begun: new RegExp(
    String
      .raw`^[<◁]\/?(?:[a-z][\w:.-]*(?:=[^\s<>]*)?(?:\s*\/?|\s+(?:[\w:@.-]*|(?:[\w:@.-]+\s*=|${FLAG}\s)${QUOTED}(?:"[^"]*|'[^']*)?)))?$`,
    "i",
  ),
  read: readTag,
};

function readTag(
  scan: Scan,
  [{ length }, slash, name = "", attributes]: RegExpExecArray,
): Outcome {
  const opens = slash === "";
  const [plain = ""] = name.split("=");
  const isMachine = MACHINE.test(name) || CALL.test(name);
  if (IS_REASONING.test(name) || isMachine) {
    if (!opens) return scan.leaveOut(length, "block");
    const end = isMachine
      ? new RegExp(`</${plain.replaceAll(".", "[.]")}\\s*>`, "gi")
      : REASONING_END;
    return scan.leaveOutTo(length, end);
  }
  if (/^start_of_turn$/i.test(name)) return scan.leaveOutTo(length, /\n/g);
  if (name !== plain) return undefined;
  if (LINE_BREAK.test(name)) {
    scan.output.space("\n");
  } else if (SENTENCE.test(name)) {
    scan.output.endSentence();
    scan.output.space("\n");
  } else if (CELL.test(name)) {
    if (opens) scan.output.beginCell();
  } else if (opens && !attributes && !INLINE.test(name)) {
    if (WORDY.test(scan.before)) return undefined;
  }
  return scan.leaveOut(length);
}

const DECLARATION: Rule = {
  whole: /^<!--|^<[!?][a-z[][^<>]*>/i,
  begun: /^<(?:!-?|\?|[!?][a-z[][^<>]*)$/i,
  read: (scan, [{ length }]) =>
    length === 4 ? scan.leaveOutTo(length, /-->/g) : scan.leaveOut(length),
};

/** Where a channel ends that is not the answer's, and a call. */
const CHANNEL_END =
  /<[|｜](?:end|call|return|eot_id|im_end)[|｜]>|<channel\|>|(?=<\|(?:start|channel)\|>)/g;
/** Where the answer, or a channel, begins after the name of its speaker. */
const HEADER_END = /<\|(?:message|end_header_id)\|>|\n|(?=<\|channel\|>)/g;
const CALLS_END =
  /<[|｜]\/?[\w▁]{0,30}(?:end|end_of_thought)[|｜]>|<\/[|｜]?tool_calls?[|｜]?>/g;
/** What follows the mark of the channel that holds the answer. */
const ANSWER: Form = {
  whole: /^final[^<\n]*<\|message\|>/,
  begun: /^(?:f|fi|fin|fina|final[^<\n]*(?:<\|?\w*\|?)?)?$/,
};

/** A mark of a model's template, "<|channel|>" among them. */
const TEMPLATE_MARK: Rule = {
  whole: /^<\/?[|｜]([\w :./▁-]+)[|｜]?>/,
  begun: /^<\/?(?:[|｜][\w :./▁-]*[|｜]?)?$/,
  read(scan, [{ length }, given = ""]) {
    const name = given.toLowerCase().replace(/[▁ ]/g, "_");
    if (/^(?:start|im_start|start_header_id)$/.test(name)) {
      return scan.leaveOutTo(length, HEADER_END);
    }
    if (name.startsWith("channel")) {
      const answer = scan.look(ANSWER, length);
      if (answer === "more") return "more";
      return answer
        ? scan.leaveOut(length + answer[0].length, "block")
        : scan.leaveOutTo(length, CHANNEL_END);
    }
    if (/^(?:tool|function)\w*begin|^tool_calls?$|^begin_of/.test(name)) {
      return scan.leaveOutTo(length, CALLS_END);
    }
    return name === "python_tag"
      ? scan.leaveOutTo(length, CHANNEL_END)
      : scan.leaveOut(length, "block");
  },
};

/** What "<" may begin. */
export const ANGLES: readonly Rule[] = [
  TEMPLATE_MARK,
  AUTOLINK,
  DECLARATION,
  TAG,
];

const CALLED = /["'](?:name|tool|tool_name|function)["']\s*:/;
const ARGUMENTS = /["'](?:arguments|parameters|args)["']\s*:/;

/** Whether this JSON calls a tool. */
export function isCall(json: string): boolean {
  return CALLED.test(json) && ARGUMENTS.test(json);
}

/** More JSON than this is never held. */
const MOST_JSON = 16_384;
/** What follows JSON that is alone on its lines. */
const ALONE: Form = { whole: /^[ \t]*(?=[\r\n<{[])/, begun: /^[ \t]*$/ };

/** JSON at the start of a line, which may be a tool call. */
export const JSON_CALL: Rule = {
  whole: /^(?:\[\s*)?\{\s*["']/,
  begun: /^(?:\[\s*)?\{\s*$|^\[\s*$/,
  when: (scan) => scan.at >= scan.jsonFrom,
  read(scan) {
    scan.reader = readJson();
    return true;
  },
};

/** Reads JSON up to its end, and leaves it out if it calls a tool. */
function readJson(): NonNullable<Scan["reader"]> {
  let length = 0;
  let depth = 0;
  let quote = "";
  let isClosed = false;
  return function (scan) {
    const { text, at, ended } = scan;
    while (!isClosed && length < MOST_JSON && at + length < text.length) {
      const char = text[at + length++]!;
      if (quote !== "") {
        if (char === "\\") length++;
        else if (char === quote) quote = "";
      } else if (char === '"' || char === "'") quote = char;
      else if (char === "{" || char === "[") depth++;
      else if (char === "}" || char === "]") isClosed = --depth === 0;
    }
    if (!isClosed && length < MOST_JSON && !ended) return "more";
    const calls = isCall(text.slice(at, at + length));
    const isFirst = scan.output.isSilent;
    const alone = scan.look(ALONE, length);
    if (calls && isClosed && !isFirst && alone === "more") return "more";
    scan.reader = undefined;
    if (calls && (!isClosed || isFirst || alone)) {
      return scan.leaveOut(Math.min(length, text.length - at), "block");
    }
    scan.jsonFrom = at + length;
    return true;
  };
}
