/**
 * What the agent says in one turn. Each word of the model is made speakable,
 * checked against the answer's limits, stored, and sent, in this order. The
 * first word is sent at once; words that follow within a moment go together.
 * If the caller would hear nothing for long, a filler is said.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { TurnEnding } from "../sessions/record.ts";
import { createAnswerLimit, findSentenceEnd } from "../speech/answer_limit.ts";
import { createSpeechBuffer } from "../speech/mod.ts";
import type { TurnOutput, TurnParts } from "./turn.ts";

/** What the speech needs of its turn. */
export type SpeechParts = Pick<TurnParts, "agent" | "isDraining"> & {
  /** Aborts the turn, with the reason where words could not be stored. */
  stop: AbortController;
  write: TurnOutput["write"];
  /** Stores words just before they are sent. */
  keep: (text: string) => void;
};

/** What the agent says in one turn. */
export class AnswerSpeech {
  /** Whether the answer has ended: the rest of what the model writes is ignored. */
  isOver = false;
  /** Why the answer was cut, if the model would have gone on. */
  ended: TurnEnding | undefined;
  /** Whether the model has said something; fillers don't count. */
  hasAnswered = false;
  /** When the first words were spoken, by `performance.now()`. */
  firstWordsAt: number | undefined;
  readonly #deadline = new Deadline(() => this.#onTimeUp());
  /** The turn's time is up: the current sentence is the last. */
  #isTimeUp = false;
  readonly #limit;
  readonly #buffer;
  readonly #mostWritten: number;
  // All three begin anew each time that the model has called tools.
  /** What the model wrote. */
  #written = "";
  /** What was spoken, fillers included. */
  #said = "";
  /** What was spoken of the model's words. */
  #sentence = "";
  #pending = "";
  readonly #moment = new Deadline(() => this.#guard(() => this.#endMoment()));
  #isGathering = false;
  /** The first sentence is complete: the voice has begun to speak, or is about to. */
  #isVoiced = false;
  readonly #silence = new Deadline(() => this.#guard(() => this.#fill()));
  #filler = "";
  #fillers = 0;
  /** When all that was said so far will have been heard, by `performance.now()`. */
  #silentFrom = 0;

  /** Makes the speech of one turn. */
  constructor(readonly parts: SpeechParts) {
    const { agent } = parts;
    this.#limit = createAnswerLimit(agent.maxAnswerTokens);
    this.#buffer = createSpeechBuffer(agent);
    this.#mostWritten = agent.maxAnswerTokens * TOKEN_LETTERS;
  }

  /**
   * Starts the turn's clocks: the caller is waiting.
   *
   * @param turnNumber chooses the first filler, so that they vary
   */
  begin(turnNumber: number): void {
    this.#fillers = turnNumber;
    this.#silentFrom = performance.now();
    this.#expectSilence();
    this.#deadline.set(this.parts.agent.maxTurnSeconds * 1_000);
  }

  /** Takes text from the model. */
  push(text: string): void {
    this.#written += text;
    this.#answer(this.#buffer.push(text));
    if (this.#written.length > this.#mostWritten && !this.isOver) {
      this.isOver = true;
      this.ended = "max-tokens";
    }
  }

  /** Says the text that was held back, since the model pauses or has finished. */
  flush(): void {
    this.#answer(this.#buffer.flush());
    this.send();
  }

  /** Says a whole text that is not the model's: a tool's, or one that only fills a silence. */
  interject(text: string, isFiller = false): void {
    this.flush();
    if (this.isOver) return;
    this.#isVoiced = true;
    this.#say(this.#buffer.interject(text), isFiller);
  }

  /** Says that there is no answer, even if that can't be stored. */
  apologize(): void {
    const { agent, write, keep } = this.parts;
    const text = this.#buffer.interject(agent.errorMessage);
    try {
      this.send();
      keep(text);
    } catch {
      // The end of the turn meets the same fault, and logs it.
    }
    this.firstWordsAt ??= performance.now();
    write({ type: "speech", text });
  }

  /** The model has called tools: what it writes from now on is a new text, with its own limits. */
  endStep(): void {
    this.#written = "";
    this.#said = "";
    this.#sentence = "";
    this.ended = undefined;
  }

  /** Tools are at work. If the model said nothing before, a filler of their own is due soon. */
  beginTools(): void {
    const { toolFillerMessage, toolFillerAfterMs } = this.parts.agent;
    const isOn = toolFillerMessage !== "" && toolFillerAfterMs > 0;
    if (!isOn || this.#sentence.trim() !== "") return;
    const now = performance.now();
    const at = Math.max(this.#silentFrom, now) + toolFillerAfterMs;
    if (at >= this.#silence.at) return;
    this.#filler = toolFillerMessage;
    this.#silence.set(at - now);
  }

  /** The tools have returned. */
  endTools(): void {
    this.#expectSilence();
  }

  /** What the model wrote since it last called tools, if that differs from what was spoken. */
  get written(): string | undefined {
    const written = this.#written.trim();
    const isSame = written === this.#said.trim();
    // Thoughts and tool calls that a model wrote as text are not shown to it again.
    const isMore = written.length > 2 * this.#said.length + SOME_MARKUP ||
      TAG.test(written);
    return isSame || isMore ? undefined : written;
  }

  /** Stores and sends the words that wait for the end of the moment. */
  send(): void {
    const text = this.#pending;
    this.#pending = "";
    this.#say(text);
  }

  /** Ends the speech. Words that were not sent yet are dropped. */
  close(): void {
    this.#pending = "";
    this.#silence.clear();
    this.#deadline.clear();
    this.#moment.clear();
  }

  /** Ends the answer with the current sentence. If there is none, or it doesn't end in time, the turn is stopped. */
  #onTimeUp(): void {
    const { stop, agent } = this.parts;
    const hasWords = this.#sentence.trim() !== "";
    // Usually the next word tells whether a dot ends a sentence; none follows here.
    this.isOver ||= hasWords && findSentenceEnd(this.#sentence, " ") === 0;
    if (hasWords && !this.isOver && !this.#isTimeUp) {
      this.#isTimeUp = true;
      this.#deadline.set(LAST_SENTENCE_MS);
      return;
    }
    this.ended = "max-seconds";
    const message = `The turn took longer than ${agent.maxTurnSeconds} seconds`;
    stop.abort(new Error(message));
  }

  /** Says the model's words, up to the end of the answer. */
  #answer(words: string): void {
    this.parts.stop.signal.throwIfAborted();
    if (words === "" || this.isOver) return;
    let text = words;
    if (this.#isTimeUp || this.parts.isDraining?.()) {
      const end = findSentenceEnd(this.#sentence, words);
      this.isOver = end !== undefined;
      if (this.isOver && this.#isTimeUp) this.ended = "max-seconds";
      text = words.slice(0, end);
    }
    const limit = this.#limit(text);
    if (limit) {
      this.isOver = true;
      this.ended = limit.ended;
      text = text.slice(0, limit.at);
    }
    this.hasAnswered ||= text.trim() !== "";
    this.#sentence += text;
    this.#pending += text;
    const isSentenceEnd = SENTENCE_MARK.test(text);
    this.#isVoiced ||= isSentenceEnd;
    if (!this.#isGathering || this.#pending.length >= MOST_PENDING) {
      this.send();
    } else if (
      isSentenceEnd && this.#moment.at > performance.now() + BURST_MS
    ) {
      this.#moment.set(BURST_MS);
    }
  }

  /** Stores and sends words, and begins a moment, at the end of which those that come meanwhile are sent together. */
  #say(text: string, isFiller = false): void {
    if (text === "") return;
    const now = performance.now();
    this.firstWordsAt ??= now;
    this.#said += text;
    const from = Math.max(this.#silentFrom, now);
    this.#silentFrom = from + text.length * LETTER_MS;
    this.#expectSilence();
    this.#isGathering = true;
    this.#moment.set(this.#isVoiced ? FLOW_MS : BURST_MS);
    this.parts.keep(text);
    this.parts.write({
      type: "speech",
      text,
      ...isFiller ? { isFiller } : {},
    });
  }

  #endMoment(): void {
    this.#isGathering = false;
    this.send();
  }

  /** Has the agent's next filler said, unless something else is before it is due. */
  #expectSilence(): void {
    const { fillerMessages, fillerAfterMs } = this.parts.agent;
    this.#filler = fillerMessages[this.#fillers % fillerMessages.length] ?? "";
    const isOn = this.#filler !== "" && fillerAfterMs > 0;
    const at = isOn ? this.#silentFrom + fillerAfterMs : Infinity;
    this.#silence.set(Math.max(at - performance.now(), 0));
  }

  #fill(): void {
    this.#fillers++;
    this.interject(this.#filler, true);
  }

  /** Runs a task that nobody awaits: an error in it ends the turn. */
  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.parts.stop.abort(error);
    }
  }
}

/** How long a character takes to be spoken, in milliseconds: about 15 a second. */
const LETTER_MS = 65;

/** Until the voice has begun, only words of one burst are sent together. In milliseconds. */
const BURST_MS = 10;

/** After that, more may wait: speaking a word takes longer than this. In milliseconds. */
const FLOW_MS = 100;

/** How long the current sentence may go on when the turn's time is up. */
const LAST_SENTENCE_MS = 5_000;

/** Ends a sentence. The voice may be waiting for it, so it is sent soon. */
const SENTENCE_MARK = /[.!?…。！？]/;

/** The most characters that wait: past them, a slow reader slows the model down. */
const MOST_PENDING = 2_000;

/** How many characters longer than its speech a text with markup may be. */
const SOME_MARKUP = 200;

/** Begins the tags in which models write reasoning and tool calls as text. */
const TAG = /[<◁][/|｜]?[a-z|｜]/i;

/** More characters than any token has: a text that is longer than this allows is cut, even if little of it is spoken. */
const TOKEN_LETTERS = 16;
