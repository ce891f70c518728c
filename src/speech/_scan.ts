/**
 * How far the reading of an answer has come, and the one way in which it looks
 * ahead: a form is there, or may be there once more text has come, or is not.
 * So what is spoken never depends on where the text was cut.
 *
 * @module
 */
import { lastCharacter } from "./_characters.ts";
import { type LeftOut, Output } from "./_output.ts";

/**
 * What came of an attempt to read: `true` when something was read, `"more"`
 * when more text is needed to tell, `undefined` when it is something else.
 */
export type Outcome = true | "more" | undefined;

/** Something that may stand in the text, and what becomes of it. Its expressions begin with `^`. */
export interface Rule {
  /** All of it, told from anything longer by what follows. */
  whole: RegExp;
  /** Matches every beginning of it up to the end of the text. Absent: one character tells. */
  begun?: RegExp;
  /** Whether it may stand here. Default: always. */
  when?(scan: Scan): boolean;
  /** Reads it. Default: it is left out. */
  read?(scan: Scan, found: RegExpExecArray): Outcome;
}

/** Rules by the character that they begin with. */
type Rules = ReadonlyMap<string, readonly Rule[]>;

/** Makes such a map, of which each key holds any number of characters. */
export function toRules(rules: Record<string, readonly Rule[]>): Rules {
  return new Map(
    Object.entries(rules).flatMap(([characters, list]) =>
      [...characters].map((character) => [character, list])
    ),
  );
}

/** So much text is held back, at most, until it is told what it is. */
const MOST_HELD = 1000;

/** No end that {@linkcode Scan.leaveOutTo} is given is longer. */
const LONGEST_END = 64;

/** Where the reading stands. */
export class Scan {
  /** Text not yet read, from `at` on. */
  text = "";
  at = 0;
  /** No more text comes. The last line has got its line break. */
  ended = false;
  readonly output = new Output();
  /** The character before `at`, as a neighbour of marks. */
  before = "";
  /** Reads on instead of the rules, until it sets itself to `undefined`. */
  reader: (() => Outcome) | undefined;

  /** Only white space and markers of blocks were read in this line. */
  lineStart = true;
  indent = 0;
  /** A list marker is all that was read in this line. */
  marker = false;
  heading = false;
  /** A list item is open. */
  item = false;
  row = false;
  /** The highest number of a list item. */
  highest = 0;

  /** How many marks of emphasis are open. */
  open = { "*": 0, "_": 0, "~": 0 };
  /** How many backticks close the code that is being read. */
  ticks = 0;
  /** An emoji was just left out. */
  emoji = false;

  /** The answer, or a part of it, is itself in a block of code. */
  wrapped = false;

  /** @param codeMessage said in place of a block of code */
  constructor(readonly codeMessage: string) {}

  /** Reads by the first rule that applies. */
  apply(rules: Rules, character: string): Outcome {
    const candidates = rules.get(character);
    if (candidates === undefined) return undefined;
    for (const rule of candidates) {
      if (rule.when?.(this) === false) continue;
      const ahead = this.text.slice(this.at, this.at + MOST_HELD);
      const found = rule.whole.exec(ahead);
      if (found === null) {
        const mayCome = !this.ended && ahead.length < MOST_HELD;
        if (mayCome && rule.begun?.test(ahead)) return "more";
        continue;
      }
      const outcome = rule.read
        ? rule.read(this, found)
        : this.leaveOut(found[0].length);
      if (outcome) return outcome;
    }
    return undefined;
  }

  /** What a sticky expression matches at `at`; "" where it doesn't. */
  match(expression: RegExp): string {
    expression.lastIndex = this.at;
    return expression.test(this.text)
      ? this.text.slice(this.at, expression.lastIndex)
      : "";
  }

  /** The whole character so far on; "" at the end of the text. */
  char(offset = 0): string {
    const code = this.text.codePointAt(this.at + offset);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  /** Moves on over something that leaves no trace. */
  pass(length: number): true {
    this.at += length;
    this.emoji = false;
    return true;
  }

  /** Moves on over a mark that leaves the words around it as they are. */
  passMark(length: number, before: string): true {
    this.before = before;
    return this.pass(length);
  }

  leaveOut(length: number, what: LeftOut = "mark"): true {
    this.output.leaveOut(what);
    return this.pass(length);
  }

  /** Leaves out what comes next and all that follows up to an end, however far. */
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

  /** Speaks the text that comes next, as it is. */
  speak(text: string): true {
    this.beginLine();
    this.output.say(text);
    return this.passMark(text.length, lastCharacter(text));
  }

  /** Closes whatever block was open, for another begins. */
  beginBlock(): void {
    this.output.endSentence();
    this.output.leaveOut("mark");
    this.open = { "*": 0, "_": 0, "~": 0 };
    this.item = false;
  }

  /** The first words of a line decide what becomes of the block before. */
  beginLine(): void {
    if (!this.lineStart) return;
    this.lineStart = false;
    if (this.item && !this.marker) {
      // Indented, it goes on with the item; otherwise it is a new paragraph.
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
