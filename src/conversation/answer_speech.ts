/**
 * What the agent says in one turn: made speakable, watched for its end, kept,
 * and handed on, in this order. A word goes at once; those that follow within
 * a moment go together.
 *
 * @module
 */
import type { Timers } from "./timers.ts";
import type { TurnEnding } from "../sessions/record.ts";
import { createAnswerLimit, findSentenceEnd } from "../speech/answer_limit.ts";
import { createTicker, type Ticker } from "./ticker.ts";
import { createSilenceFiller } from "./silence_filler.ts";
import { createSpeechBuffer } from "../speech/mod.ts";
import type { TurnOutput, TurnPart, TurnParts } from "./turn.ts";

/** What speaking needs of its turn. */
export interface SpeechParts extends Pick<TurnParts, "agent" | "isDraining"> {
  /** The turn's. */
  timers: Timers;
  /** Ends the turn; aborted with the reason, where keeping words failed. */
  stop: AbortController;
  /** Takes what is handed on. */
  out: TurnOutput;
  /** Keeps words, just before they are handed on. */
  keep: (text: string) => void;
}

/** What the agent says in one turn. */
export class AnswerSpeech {
  /** Nothing more of the answer is wanted. */
  isOver = false;
  /** Why the answer was ended, where the model went on and on. */
  ended: TurnEnding | undefined;
  /** The turn's time is up: the sentence under way is the last. */
  #isTimeUp = false;
  /** The model has said something, not only the fillers. */
  hasAnswered = false;
  /** When the first words were said. */
  firstWordsAt: number | undefined;
  readonly #parts: SpeechParts;
  readonly #limit;
  readonly #buffer;
  readonly #silence;
  readonly #mostWritten: number;
  /** What the model wrote, what was said, and what of that the model said, since it last called tools. */
  #written = "";
  #said = "";
  #sentence = "";
  /** Words that go with the next tick. */
  #pending = "";
  /** They only fill a silence. */
  #isFiller = false;
  /** Whose tick the words wait for; absent: words go at once. */
  #ticker: Ticker | undefined;
  /** The first sentence is whole: the voice has begun, or is about to. */
  #isVoiced = false;
  /** Resolves when a slow listener can take more. */
  #room: Promise<void> | undefined;

  /** Makes the speech of one turn; nothing was said yet. */
  constructor(parts: SpeechParts) {
    const { agent, timers } = parts;
    this.#parts = parts;
    this.#limit = createAnswerLimit(agent.maxAnswerTokens);
    this.#buffer = createSpeechBuffer(agent);
    this.#mostWritten = agent.maxAnswerTokens * TOKEN_LETTERS;
    this.#silence = createSilenceFiller(agent, timers, (text) => {
      this.#guard(() => void this.interject(text, true));
    });
  }

  /**
   * Begins to watch the silence.
   *
   * @param turnNumber chooses the first filler
   */
  begin(turnNumber: number): void {
    this.#silence.begin(turnNumber);
  }

  /** Takes what the model writes. Where there is something to wait for, waits for it. */
  push(text: string): Promise<void> | undefined {
    this.#written += text;
    const room = this.#answer(this.#buffer.push(text));
    if (this.#written.length > this.#mostWritten && !this.isOver) {
      this.isOver = true;
      this.ended = "max-tokens";
    }
    return room;
  }

  /** Says what was held back: the model pauses, or has finished. */
  flush(): Promise<void> | undefined {
    return this.#answer(this.#buffer.flush());
  }

  /** Says words that come whole, from elsewhere than the model. Those that only fill a silence go by themselves. */
  interject(text: string, isFiller = false): Promise<void> | undefined {
    this.flush();
    if (this.isOver) return undefined;
    const words = this.#buffer.interject(text);
    if (!isFiller) return this.#say(words);
    this.send();
    this.#isFiller = true;
    this.#say(words);
    this.send();
    this.#isFiller = false;
    return this.#room;
  }

  /** Says that there is no answer, even where it can't be kept. */
  apologize(): void {
    const { agent, out, keep } = this.#parts;
    const text = this.#buffer.interject(agent.errorMessage);
    try {
      this.send();
      keep(text);
    } catch {
      // The end of the turn meets the same fault, and the log is told.
    }
    this.firstWordsAt ??= performance.now();
    out.write({ type: "speech", text });
  }

  /**
   * Ends the answer with the sentence under way: the turn's time is up.
   *
   * @returns whether there is one; {@linkcode isOver} tells whether one just ended
   */
  endWithSentence(): boolean {
    this.#isTimeUp = true;
    if (this.#sentence.trim() === "") return false;
    // What comes next would tell whether a dot is one; there is no next.
    this.isOver = findSentenceEnd(this.#sentence, " ") === 0;
    return !this.isOver;
  }

  /** What was said so far belongs to a call of tools. What was cut off before it goes on after it. */
  endStep(): void {
    this.#written = "";
    this.#said = "";
    this.#sentence = "";
    this.ended = undefined;
  }

  /** What the model wrote since it last called tools, where that isn't what was said. */
  toWritten<K extends string>(key: K): { [P in K]?: string } {
    const written = this.#written.trim();
    const isSame = written === this.#said.trim();
    // What a model thought, or meant for a tool, is not shown to it again.
    const isMore = written.length > 2 * this.#said.length + SOME_MARKUP ||
      TAG.test(written);
    return (isSame || isMore ? {} : { [key]: written }) as {
      [P in K]?: string;
    };
  }

  /** Hands a part on that isn't words, after the words before it. */
  hand(part: TurnPart): Promise<void> | undefined {
    this.send();
    return this.#write(part);
  }

  /** Keeps and hands on the words that wait for the end of the moment. */
  send(): Promise<void> | undefined {
    if (this.#pending === "") return undefined;
    const text = this.#pending;
    this.#pending = "";
    this.#parts.keep(text);
    const filler = this.#isFiller ? { isFiller: true } : {};
    return this.#write({ type: "speech", text, ...filler });
  }

  /** Nothing is said after this; words that were not handed on never were. */
  close(): void {
    this.#pending = "";
    this.#ticker?.cancel(this.#onTick);
  }

  /** Says words of the model's, as far as they are to be said. */
  #answer(words: string): Promise<void> | undefined {
    if (words === "" || this.isOver) return undefined;
    let text = words;
    if (this.#isTimeUp || this.#parts.isDraining?.()) {
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
    return this.#say(text);
  }

  #say(text: string): Promise<void> | undefined {
    if (text === "") return undefined;
    this.#parts.stop.signal.throwIfAborted();
    this.firstWordsAt ??= performance.now();
    this.#said += text;
    this.#silence.onSpeech(text);
    this.#pending += text;
    const isSentenceEnd = SENTENCE_MARK.test(text);
    this.#isVoiced ||= isSentenceEnd;
    const mayWait = this.#ticker && this.#pending.length < MOST_PENDING;
    if (mayWait && isSentenceEnd) this.#waitFor(BURST);
    if (mayWait) return this.#room;
    this.#waitFor(this.#isVoiced ? FLOW : BURST);
    return this.send();
  }

  /** Has the words that come from now on wait for a tick. */
  #waitFor(ticker: Ticker): void {
    if (this.#ticker === ticker) return;
    this.#ticker?.cancel(this.#onTick);
    this.#ticker = ticker;
    ticker.add(this.#onTick);
  }

  readonly #onTick = (): void => {
    this.#ticker = undefined;
    if (this.#pending === "") return;
    this.#waitFor(this.#isVoiced ? FLOW : BURST);
    this.#guard(() => void this.send());
  };

  /** Does what nobody waits for: what goes wrong there ends the turn. */
  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.#parts.stop.abort(error);
    }
  }

  #write(part: TurnPart): Promise<void> | undefined {
    const room = this.#parts.out.write(part);
    if (room) this.#room = this.#waitForRoom(room);
    return this.#room;
  }

  /** A listener who is slow, or stopped reading, doesn't keep the turn from being stopped. */
  async #waitForRoom(room: Promise<void>): Promise<void> {
    const { signal } = this.#parts.stop;
    const stopped = Promise.withResolvers<void>();
    const onAbort = () => stopped.resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    await Promise.race([room, stopped.promise]);
    signal.removeEventListener("abort", onAbort);
    this.#room = undefined;
  }
}

/** Until the voice has begun, only words that come in one burst go together. */
const BURST = createTicker(10);

/** After that it is ahead of nobody: a word takes longer to speak than these words wait. */
const FLOW = createTicker(100);

/** What ends a sentence, and is not waited with: the voice may be waiting for it. */
const SENTENCE_MARK = /[.!?…。！？]/;

/** How many letters wait for a tick, at most. */
const MOST_PENDING = 2_000;

/** How much longer than what was said a text with its markup may be, in letters. */
const SOME_MARKUP = 200;

/** Reasoning and tool calls that a model writes as text are in such. */
const TAG = /[<◁][/|｜]?[a-z|｜]/i;

/** More letters than any token has: so much text is no answer, even where little of it is to be spoken. */
const TOKEN_LETTERS = 16;
