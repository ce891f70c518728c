/**
 * What the agent says in one turn: made speakable, watched for its end, kept,
 * and handed on, in this order. A word goes at once; those that follow within
 * a moment go together.
 *
 * @module
 */
import { Deadline } from "../server/deadline.ts";
import type { TurnEnding } from "../sessions/record.ts";
import { createAnswerLimit, findSentenceEnd } from "../speech/answer_limit.ts";
import { createSpeechBuffer } from "../speech/mod.ts";
import { SilenceFiller } from "./silence_filler.ts";
import type { TurnPart, TurnParts, Write } from "./turn.ts";

/** What speaking needs of its turn. */
export interface SpeechParts extends Pick<TurnParts, "agent" | "isDraining"> {
  /** Ends the turn; aborted with the reason, where keeping words failed. */
  stop: AbortController;
  /** Takes what is handed on. */
  write: Write;
  /** Keeps words, just before they are handed on. */
  keep: (text: string) => void;
}

/** What the agent says in one turn. */
export class AnswerSpeech {
  /** Nothing more of the answer is wanted. */
  isOver = false;
  /** Why the answer was ended, where the model went on and on. */
  ended: TurnEnding | undefined;
  /** The model has said something, not only the fillers. */
  hasAnswered = false;
  /** When the first words were said. */
  firstWordsAt: number | undefined;
  readonly #deadline = new Deadline(() => this.#onTimeUp());
  /** The sentence under way is the last. */
  #isTimeUp = false;
  readonly #limit;
  readonly #buffer;
  readonly #mostWritten: number;
  readonly #silence: SilenceFiller;
  /** What the model wrote, what was said, and what of that the model said, since it last called tools. */
  #written = "";
  #said = "";
  #sentence = "";
  /** Words that go when the moment is over. */
  #pending = "";
  readonly #moment = new Deadline(() => this.#onMomentOver());
  /** How long the moment is, in milliseconds. 0: words go at once. */
  #momentMs = 0;
  /** The first sentence is whole: the voice has begun, or is about to. */
  #isVoiced = false;
  /** Resolves when a slow listener can take more, or the turn is stopped. */
  #room: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  /** Makes the speech of one turn; nothing was said yet. */
  constructor(readonly parts: SpeechParts) {
    const { agent } = parts;
    this.#limit = createAnswerLimit(agent.maxAnswerTokens);
    this.#buffer = createSpeechBuffer(agent);
    this.#mostWritten = agent.maxAnswerTokens * TOKEN_LETTERS;
    this.#silence = new SilenceFiller(agent, (text) => {
      this.#guard(() => void this.fill(text));
    });
  }

  /** The caller has spoken, and waits. */
  begin(turnNumber: number): void {
    this.#silence.begin(turnNumber);
    this.#deadline.set(this.parts.agent.maxTurnSeconds * 1_000);
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

  /** Says words that come whole, from elsewhere than the model. */
  interject(text: string): Promise<void> | undefined {
    this.flush();
    if (this.isOver) return undefined;
    return this.#say(this.#buffer.interject(text));
  }

  /** Says words that only fill a silence, and go by themselves. */
  fill(text: string): Promise<void> | undefined {
    this.flush();
    if (this.isOver) return undefined;
    this.send();
    const words = this.#buffer.interject(text);
    this.#note(words);
    this.#isVoiced = true;
    return this.#handOn({ type: "speech", text: words, isFiller: true });
  }

  /** Says that there is no answer, even where it can't be kept. */
  apologize(): void {
    const { agent, write, keep } = this.parts;
    const text = this.#buffer.interject(agent.errorMessage);
    try {
      this.send();
      keep(text);
    } catch {
      // The end of the turn meets the same fault, and the log is told.
    }
    this.firstWordsAt ??= performance.now();
    write({ type: "speech", text });
  }

  /** What was said so far belongs to a call of tools. What was cut off before it goes on after it. */
  endStep(): void {
    this.#written = "";
    this.#said = "";
    this.#sentence = "";
    this.ended = undefined;
  }

  /** What the model wrote since it last called tools, where that isn't what was said. */
  get written(): string | undefined {
    const written = this.#written.trim();
    const isSame = written === this.#said.trim();
    // What a model thought, or meant for a tool, is not shown to it again.
    const isMore = written.length > 2 * this.#said.length + SOME_MARKUP ||
      TAG.test(written);
    return isSame || isMore ? undefined : written;
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
    return this.#handOn({ type: "speech", text });
  }

  /** Nothing is said after this; words that were not handed on never were. */
  close(): void {
    this.#pending = "";
    this.#silence.end();
    this.#deadline.clear();
    this.#moment.clear();
  }

  /** Ends the answer with the sentence under way. Where there is none, or it doesn't end, the turn is stopped. */
  #onTimeUp(): void {
    const { stop, agent } = this.parts;
    const hasWords = this.#sentence.trim() !== "";
    // What comes next would tell whether a dot is an end; there is no next.
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

  /** Says words of the model's, as far as they are to be said. */
  #answer(words: string): Promise<void> | undefined {
    if (words === "" || this.isOver) return undefined;
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
    return this.#say(text);
  }

  #say(text: string): Promise<void> | undefined {
    if (text === "") return undefined;
    this.#note(text);
    this.#pending += text;
    const isSentenceEnd = SENTENCE_MARK.test(text);
    this.#isVoiced ||= isSentenceEnd;
    if (this.#momentMs > 0 && this.#pending.length < MOST_PENDING) {
      if (isSentenceEnd) this.#waitFor(BURST_MS);
      return this.#room;
    }
    this.#waitFor(this.#isVoiced ? FLOW_MS : BURST_MS);
    return this.send();
  }

  #note(text: string): void {
    this.parts.stop.signal.throwIfAborted();
    this.firstWordsAt ??= performance.now();
    this.#said += text;
    this.#silence.onSpeech(text);
  }

  /** Has the words that come from now on wait for the end of a moment. */
  #waitFor(momentMs: number): void {
    if (this.#momentMs === momentMs) return;
    this.#momentMs = momentMs;
    this.#moment.set(momentMs);
  }

  #onMomentOver(): void {
    this.#momentMs = 0;
    if (this.#pending === "") return;
    this.#waitFor(this.#isVoiced ? FLOW_MS : BURST_MS);
    this.#guard(() => void this.send());
  }

  /** Does what nobody waits for: what goes wrong there ends the turn. */
  #guard(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.parts.stop.abort(error);
    }
  }

  #handOn(part: TurnPart & { type: "speech" }): Promise<void> | undefined {
    this.parts.keep(part.text);
    return this.#write(part);
  }

  #write(part: TurnPart): Promise<void> | undefined {
    const room = this.parts.write(part);
    if (room === undefined) return this.#room;
    // A listener who is slow, or stopped reading, doesn't keep the turn from
    // being stopped.
    this.#stopped ??= toPromise(this.parts.stop.signal);
    return this.#room = Promise.race([room, this.#stopped])
      .then(() => this.#room = undefined);
  }
}

/** Resolves when a signal is aborted. */
function toPromise(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve());
    if (signal.aborted) resolve();
  });
}

/** Until the voice has begun, only words that come in one burst go together. */
const BURST_MS = 10;

/** After that it is ahead of nobody: a word takes longer to speak than these words wait. */
const FLOW_MS = 100;

/** How long the sentence under way may go on when the turn's time is up. */
const LAST_SENTENCE_MS = 5_000;

/** What ends a sentence, and is not waited with: the voice may be waiting for it. */
const SENTENCE_MARK = /[.!?…。！？]/;

/** How many letters wait, at most: past them, a slow listener slows the model down. */
const MOST_PENDING = 2_000;

/** How much longer than what was said a text with its markup may be, in letters. */
const SOME_MARKUP = 200;

/** Reasoning and tool calls that a model writes as text are in such. */
const TAG = /[<◁][/|｜]?[a-z|｜]/i;

/** More letters than any token has: so much text is no answer, even where little of it is to be spoken. */
const TOKEN_LETTERS = 16;
