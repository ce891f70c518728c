/**
 * What was never meant for the caller: reasoning, tool calls written as text,
 * the marks of a model's template; and HTML, whose words stay.
 *
 * @module
 */
import { readAutolink } from "./address.ts";
import { type Form, leaveOut, look, type Scan } from "./scan.ts";

const ATTRIBUTE = String
  .raw`\s{1,16}(?:[\w:@.-]{1,40}\s{0,8}=\s{0,8}(?:"[^"]{0,300}"|'[^']{0,300}'|[^\s"'<>=${"`"}]{1,300})|(?:async|autoplay|checked|controls|defer|disabled|hidden|loop|muted|open|required|reversed|selected)(?=[\s/>]))`;
const TAG: Form = {
  whole: new RegExp(
    String
      .raw`[<◁](\/?)([a-z](?:[\w:.-]{0,40}|[a-z_]{0,20}=[^\s<>]{1,80}))((?:${ATTRIBUTE}){0,20})\s{0,8}\/?[>▷]`,
    "iy",
  ),
  begun: new RegExp(
    String
      .raw`[<◁]\/?(?:[a-z](?:[\w:.-]{0,40}|[a-z_]{0,20}=[^\s<>]{0,80})(?:(?:${ATTRIBUTE}){0,20}(?:\s{1,16}(?:[\w:@.-]{0,40}|[\w:@.-]{1,40}\s{0,8}(?:=\s{0,8}(?:"[^"]{0,300}|'[^']{0,300}|[^\s"'<>=${"`"}]{0,300})?)?))?\s{0,8}\/?)?)?$`,
    "iy",
  ),
};
const DECLARATION: Form = {
  whole: /<!--|<[!?][a-z[][^<>]{0,200}>/iy,
  begun: /<!-?$|<\?$|<[!?][a-z[][^<>]{0,200}$/iy,
};
/** Marks of a model's template, "<|channel|>" among them. */
const TOKEN: Form = {
  whole: /<\/?[|｜]([\w :./▁-]{1,60})[|｜]?>/y,
  begun: /<\/?(?:[|｜][\w :./▁-]{0,60}[|｜]?)?$/y,
};

const REASONING =
  /^(?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|inner_monologue)$/i;
const REASONING_END =
  /[<◁]\/(?:\w{1,20}:)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|inner_monologue)\s*[>▷]/gi;
const CALL =
  /^(?:\w+:)?(?:tool|function)_?(?:calls?|code|use|outputs?|results?|responses?)?$|^(?:\w+:)?invoke$|^(?:function|tool)=/i;
/** Their content is for machines, too. */
const MACHINE = /^(?:script|style|svg|math|head|template|noscript)$/i;
const BREAK =
  /^(?:br|p|div|ul|ol|dl|table|thead|tbody|tfoot|hr|blockquote|pre|section|article|header|footer|nav|main|aside|details|figure|form|fieldset|center|body|html|address)$/i;
const SENTENCE =
  /^(?:li|tr|h[1-6]|dt|dd|caption|figcaption|summary|title|legend|option)$/i;
const CELL = /^t[dh]$/i;
const INLINE =
  /^(?:a|abbr|acronym|audio|b|bdi|bdo|big|button|canvas|cite|code|col|colgroup|data|del|dfn|em|embed|font|i|iframe|img|input|ins|kbd|label|link|map|mark|meta|meter|object|output|picture|progress|q|rp|rt|ruby|s|samp|select|small|source|span|strike|strong|sub|sup|textarea|time|track|tt|u|var|video|wbr|speak|voice|prosody|break|emphasis|say-as|phoneme)$/i;
const WORDY = /[\p{L}\p{N}]/u;

/** Reads what "<" begins; `undefined` when it is a sign and no more. */
export function readAngle(scan: Scan): boolean | undefined {
  const after = scan.text[scan.at + 1];
  if (after === undefined) return false;
  if (!/[a-z/!?|｜]/i.test(after)) return undefined;
  let waits = false;
  for (const read of [readToken, readAutolink, readDeclaration, readTag]) {
    const done = read(scan);
    if (done) return true;
    if (done === false) waits = true;
  }
  return waits ? false : undefined;
}

function readDeclaration(scan: Scan): boolean | undefined {
  const found = look(scan, DECLARATION);
  if (found === "more") return false;
  if (!found) return undefined;
  if (found[0] === "<!--") return skip(scan, found[0].length, /-->/g);
  return leaveOut(scan, found[0].length);
}

function readTag(scan: Scan): boolean | undefined {
  const found = look(scan, TAG);
  if (found === "more") return false;
  if (!found) return undefined;
  const [{ length }, slash = "", name = "", attributes = ""] = found;
  const opens = slash === "";
  if (REASONING.test(name)) {
    return opens
      ? skip(scan, length, REASONING_END)
      : leaveOut(scan, length, "block");
  }
  if (/^start_of_turn$/i.test(name)) return skip(scan, length, /\n/g);
  if (name.includes("=") && !CALL.test(name)) return undefined;
  if (CALL.test(name)) {
    const end = name.split("=")[0]!.replace(/[.]/g, "\\.");
    return opens
      ? skip(scan, length, new RegExp(`</${end}\\s*>`, "gi"))
      : leaveOut(scan, length, "block");
  }
  if (MACHINE.test(name) && opens) {
    return skip(scan, length, new RegExp(`</${name}\\s*>`, "gi"));
  }
  if (BREAK.test(name)) {
    scan.spoken.space("\n");
  } else if (SENTENCE.test(name)) {
    scan.spoken.stop();
    scan.spoken.space("\n");
  } else if (CELL.test(name)) {
    if (opens) scan.spoken.cell();
  } else if (!INLINE.test(name) && opens && attributes === "") {
    // "Array<string>" is no HTML.
    if (WORDY.test(scan.before)) return undefined;
  }
  return leaveOut(scan, length);
}

/** Where a channel ends that is not the answer's, and a call. */
const TOKEN_END =
  /<[|｜](?:end|call|return|eot_id|im_end)[|｜]>|<channel\|>|(?=<\|(?:start|channel)\|>)/g;
/** Where the answer, or a channel, begins after the name of its speaker. */
const HEADER_END = /<\|(?:message|end_header_id)\|>|\n|(?=<\|channel\|>)/g;
const ANSWER: Form = {
  whole: /final[^<\n]{0,100}<\|message\|>/y,
  begun:
    /(?:f(?:i(?:n(?:a(?:l[^<\n]{0,100}(?:<\|?[mesag]{0,7}\|?)?)?)?)?)?)?$/y,
};
const CALLS_END =
  /<[|｜]\/?[\w▁]{0,30}(?:end|end_of_thought)[|｜]>|<\/[|｜]?tool_calls?[|｜]?>/g;

function readToken(scan: Scan): boolean | undefined {
  const found = look(scan, TOKEN);
  if (found === "more") return false;
  if (!found) return undefined;
  const [{ length }, name = ""] = found;
  const plain = name.toLowerCase().replaceAll("▁", "_").replaceAll(" ", "_");
  if (/^(?:start|im_start|start_header_id)$/.test(plain)) {
    return skip(scan, length, HEADER_END);
  }
  if (/^channel/.test(plain)) {
    const from = { ...scan, at: scan.at + length };
    const answer = look(from, ANSWER);
    if (answer === "more") return false;
    if (answer) return leaveOut(scan, length + answer[0].length, "block");
    return skip(scan, length, TOKEN_END);
  }
  if (/^(?:tool|function)\w*begin|^tool_calls?$|^begin_of/.test(plain)) {
    return skip(scan, length, CALLS_END);
  }
  if (plain === "python_tag") return skip(scan, length, TOKEN_END);
  return leaveOut(scan, length, "block");
}

/** Leaves out everything up to the end that is looked for, or what there is of it. */
export function readSkipped(scan: Scan, end: RegExp): boolean {
  end.lastIndex = scan.at;
  const found = end.exec(scan.text);
  if (found) {
    scan.at = found.index + found[0].length;
    scan.skip = undefined;
    return true;
  }
  const rest = scan.text.length - scan.at;
  const keep = scan.ended ? 0 : Math.min(rest, LONGEST_END);
  scan.at += rest - keep;
  return scan.ended;
}

/** No end that is looked for is longer. */
const LONGEST_END = 64;

function skip(scan: Scan, length: number, end: RegExp): true {
  scan.skip = end;
  return leaveOut(scan, length, "block");
}

const CALLED = /["'](?:name|tool|tool_name|function)["']\s*:/;
const ARGUMENTS = /["'](?:arguments|parameters|args)["']\s*:/;

/** Whether this JSON calls a tool. */
export function holdsCall(json: string): boolean {
  return CALLED.test(json) && ARGUMENTS.test(json);
}

const JSON_BEGINS: Form = {
  whole: /(?:\[\s{0,40})?\{\s{0,40}["']/y,
  begun: /(?:\[\s{0,40})?\{\s{0,40}$|\[\s{0,40}$/y,
};
/** More JSON than this is never held. */
const MOST_JSON = 16_384;

/** Reads the start of what may be a tool call, at the start of a line. */
export function readBraces(scan: Scan): boolean | undefined {
  if (scan.at < scan.prose) return undefined;
  const found = look(scan, JSON_BEGINS);
  if (found === "more") return false;
  if (!found) return undefined;
  scan.json = { length: 0, depth: 0, quote: "" };
  return true;
}

/** Reads JSON up to its end, and leaves it out if it calls a tool. */
export function readJson(
  scan: Scan,
  json: NonNullable<Scan["json"]>,
): boolean {
  const { text, at, ended } = scan;
  let closed = json.length > 0 && json.depth === 0;
  while (!closed && json.length < MOST_JSON) {
    const char = text[at + json.length];
    if (char === undefined) break;
    json.length++;
    if (json.quote !== "") {
      if (char === "\\") json.length++;
      else if (char === json.quote) json.quote = "";
    } else if (char === '"' || char === "'") json.quote = char;
    else if (char === "{" || char === "[") json.depth++;
    else if (char === "}" || char === "]") closed = --json.depth === 0;
  }
  const whole = closed || json.length >= MOST_JSON;
  if (!whole && !ended) return false;
  const isCall = holdsCall(text.slice(at, at + json.length));
  const after = look({ ...scan, at: at + json.length }, ALONE);
  const first = scan.spoken.isSilent();
  if (isCall && closed && !first && after === "more") return false;
  scan.json = undefined;
  if (isCall && (!closed || first || after)) {
    return leaveOut(scan, Math.min(json.length, text.length - at), "block");
  }
  scan.prose = at + json.length;
  return true;
}

/** What may follow JSON that is alone on its lines. */
const ALONE: Form = {
  whole: /[ \t]{0,32}(?=[\r\n<{[])/y,
  begun: /[ \t]{0,32}$/y,
};
