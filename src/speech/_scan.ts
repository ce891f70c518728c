/**
 * The state of the scanner, and its lookahead: a rule matches, or may match once
 * more text arrives, or does not. So the result never depends on how the text was
 * cut into pieces.
 *
 * @module
 */
import { lastCharacter } from "./_characters.ts";
import { type LeftOut, Output } from "./_output.ts";

/**
 * The result of an attempt to read: `true` if something was read, `"more"` if more
 * text is needed to decide, `undefined` if the rule does not apply.
 */
export type Outcome = true | "more" | undefined;

/** A syntax element, and how it is read. Its expressions begin with `^`. */
export interface Rule {
  /** Matches all of it; a lookahead makes sure that it does not go on. */
  complete: RegExp;
  /** Matches every beginning of it up to the end of the text. Absent: one character decides. */
  partial?: RegExp;
  /** Whether it is allowed here. Default: always. */
  when?(scan: Scan): boolean;
  /** Reads it. Default: it is left out. */
  read?(scan: Scan, found: RegExpExecArray): Outcome;
}

/** The rules, by the character that an element begins with. */
type Rules = ReadonlyMap<string, readonly Rule[]>;

/** A key with several characters stands for each of them. */
export function toRules(rules: Record<string, readonly Rule[]>): Rules {
  return new Map(
    Object.entries(rules).flatMap(([characters, list]) =>
      [...characters].map((character) => [character, list])
    ),
  );
}

/** The most characters that are held back until it is decided what they are. */
const MOST_HELD = 1000;

/** The longest match of an `end` of {@linkcode Scan.leaveOutTo}, in characters. */
const LONGEST_END = 64;

/** The model's text as far as it has come, and how far it was read. */
export class Scan {
  /** The text. What is before `at` was read. */
  text = "";
  at = 0;
  /** Whether the text is complete. The last line then has its line break. */
  ended = false;
  readonly output = new Output();
  /** The character before `at`, by which marks are judged. */
  before = "";
  /** Reads in place of the rules, until it sets this to `undefined`. */
  reader: (() => Outcome) | undefined;

  /** Whether only white space and block markers were read in this line. */
  lineStart = true;
  indent = 0;
  /** Whether only a list marker was read in this line. */
  marker = false;
  heading = false;
  item = false;
  row = false;
  /** The highest number of a list item so far. */
  highest = 0;

  /** The number of open emphasis marks. */
  open = { "*": 0, "_": 0, "~": 0 };
  /** The number of backticks that close the current code; 0 outside code. */
  ticks = 0;
  /** Whether an emoji was just left out. */
  emoji = false;

  /** Whether the text is within a Markdown code block. */
  wrapped = false;

  /** @param codeMessage spoken in place of a code block */
  constructor(readonly codeMessage: string) {}

  apply(rules: Rules, character: string): Outcome {
    const candidates = rules.get(character);
    if (candidates === undefined) return undefined;
    for (const rule of candidates) {
      if (rule.when?.(this) === false) continue;
      const ahead = this.text.slice(this.at, this.at + MOST_HELD);
      const found = rule.complete.exec(ahead);
      if (found === null) {
        const mayCome = !this.ended && ahead.length < MOST_HELD;
        if (mayCome && rule.partial?.test(ahead)) return "more";
        continue;
      }
      const outcome = rule.read
        ? rule.read(this, found)
        : this.leaveOut(found[0].length);
      if (outcome) return outcome;
    }
    return undefined;
  }

  /** Returns the match of a sticky expression at `at`, or "". */
  match(expression: RegExp): string {
    expression.lastIndex = this.at;
    return expression.test(this.text)
      ? this.text.slice(this.at, expression.lastIndex)
      : "";
  }

  /** Returns the code point at an offset from `at`, or "" at the end of the text. */
  char(offset = 0): string {
    const code = this.text.codePointAt(this.at + offset);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  /** Skips characters without any other effect. */
  pass(length: number): true {
    this.at += length;
    this.emoji = false;
    return true;
  }

  /** Skips a mark that does not change the words around it. */
  passMark(length: number, before: string): true {
    this.before = before;
    return this.pass(length);
  }

  leaveOut(length: number, what: LeftOut = "mark"): true {
    this.output.leaveOut(what);
    return this.pass(length);
  }

  /** Leaves out the next `length` characters, and everything up to a match of `end`. */
  leaveOutTo(length: number, end: RegExp): true {
    this.reader = () => {
      end.lastIndex = this.at;
      const found = end.exec(this.text);
      if (found) {
        this.at = found.index + found[0].length;
        this.reader = undefined;
        return true;
      }
      const kept = this.ended ? 0 : LONGEST_END;
      this.at = Math.max(this.at, this.text.length - kept);
      return this.ended || "more";
    };
    return this.leaveOut(length, "thing");
  }

  /** Outputs the next text unchanged. */
  speak(text: string): true {
    this.beginLine();
    this.output.say(text);
    return this.passMark(text.length, lastCharacter(text));
  }

  /** Ends the current block, since another begins. */
  beginBlock(): void {
    this.output.endSentence();
    this.output.leaveOut("mark");
    this.open = { "*": 0, "_": 0, "~": 0 };
    this.item = false;
  }

  /** Begins the words of a line, which decide whether the block before goes on. */
  beginLine(): void {
    if (!this.lineStart) return;
    this.lineStart = false;
    if (this.item && !this.marker) {
      // An indented line continues the item; any other begins a new paragraph.
      if (this.indent === 0) this.beginBlock();
      else this.output.leaveOut("mark");
    }
    this.marker = false;
  }

  endLine(): true {
    if (this.heading || this.row) this.output.endSentence();
    this.heading = this.row = this.marker = false;
    this.ticks = this.indent = 0;
    this.lineStart = true;
    this.output.space("\n");
    return this.passMark(1, "\n");
  }
}
