// @ts-check
/// <reference lib="dom" />
/**
 * Reads sentences aloud, one after the other, and keeps count of what was
 * really spoken: to the word where the voice tells, by the clock where not.
 *
 * https://developer.mozilla.org/docs/Web/API/SpeechSynthesis
 *
 * @module
 */
import { CHARACTERS_A_SECOND, heardAfter } from "./heard.js";

/** @typedef {ReturnType<typeof createSpeaker>} Speaker */

/**
 * What speaking needs.
 *
 * @typedef {object} SpeakerParts
 * @property {SpeechSynthesis | undefined} synth
 * @property {(text: string) => SpeechSynthesisUtterance} toUtterance
 * @property {() => number} now in milliseconds
 * @property {(problem: string) => void} onTrouble
 */

/** A voice that hasn't begun by then is not going to. */
const START_TIMEOUT_MS = 6_000;

/**
 * One that has begun, and so long after its time has not ended, has forgotten
 * to: some that speak from elsewhere do.
 */
const STUCK_MS = 8_000;

/** How often progress is guessed where the voice doesn't tell. */
const GUESS_EVERY_MS = 200;

/**
 * Makes what speaks.
 *
 * @param {SpeakerParts} parts
 */
export function createSpeaker({ synth, toUtterance, now, onTrouble }) {
  /** @type {SpeechSynthesisVoice | undefined} */
  let voice;
  let isOn = false;
  let rate = CHARACTERS_A_SECOND;
  /** @type {import("./sentences.js").Sentence[]} */
  let queue = [];
  /** @type {import("./sentences.js").Sentence | undefined} */
  let before;
  /** @type {import("./sentences.js").Sentence | undefined} */
  let current;
  let offset = 0;
  let startedAt = 0;
  let tells = false;
  let isClosed = true;
  /** @type {(offset: number, isOver: boolean) => void} */
  let onProgress = () => {};
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  // Kept, for browsers forget an utterance that nobody holds, events and all.
  /** @type {SpeechSynthesisUtterance | undefined} */
  let utterance;

  function next() {
    clearInterval(timer);
    before = current;
    current = queue.shift();
    if (current === undefined) {
      if (isClosed) onProgress(offset, true);
      return;
    }
    speak(current);
  }

  /** @param {import("./sentences.js").Sentence} sentence */
  function speak(sentence) {
    const spoken = utterance = toUtterance(sentence.text.trimEnd());
    if (voice) {
      spoken.voice = voice;
      spoken.lang = voice.lang;
    }
    startedAt = 0;
    tells = false;
    let signAt = 0;
    const isMine = () => current === sentence && utterance === spoken;
    spoken.onstart = () => {
      if (isMine()) signAt = startedAt = now();
    };
    spoken.onboundary = ({ charIndex, name }) => {
      if (!isMine() || (name && name !== "word")) return;
      tells = true;
      signAt = now();
      startedAt ||= signAt;
      advance(sentence.start + charIndex);
    };
    spoken.onend = () => {
      if (!isMine()) return;
      const seconds = (now() - startedAt) / 1000;
      if (startedAt > 0 && seconds > 0.5) rate = spoken.text.length / seconds;
      advance(sentence.start + sentence.text.length);
      next();
    };
    spoken.onerror = ({ error }) => {
      if (!isMine()) return;
      fail(
        error === "not-allowed"
          ? "The browser doesn't let this page speak yet: press “Speak answers” again."
          : `The browser's voice failed (${error}). Choose another one, or read along.`,
      );
    };
    const askedAt = now();
    timer = setInterval(() => {
      if (startedAt > 0) {
        if (!tells) advance(sentence.start + guess(sentence));
        // Twice as long as it should take, and then some.
        const patienceMs = STUCK_MS + spoken.text.length / rate * 2_000;
        if (now() - signAt > patienceMs) {
          synth?.cancel();
          advance(sentence.start + sentence.text.length);
          next();
        }
      } else if (now() - askedAt > START_TIMEOUT_MS) {
        fail(
          "The browser has a voice, but nothing comes out of it. Choose another one.",
        );
      }
    }, GUESS_EVERY_MS);
    synth?.speak(spoken);
  }

  /** @param {import("./sentences.js").Sentence} sentence */
  function guess(sentence) {
    return startedAt === 0
      ? 0
      : heardAfter(sentence.text, now() - startedAt, rate);
  }

  /** @param {number} to */
  function advance(to) {
    if (to <= offset) return;
    offset = to;
    onProgress(offset, false);
  }

  /** @param {string} problem */
  function fail(problem) {
    clear();
    onTrouble(problem);
  }

  function clear() {
    clearInterval(timer);
    queue = [];
    before = current = utterance = undefined;
    isClosed = true;
    synth?.cancel();
  }

  return {
    isOn: () => isOn,
    /** The voice's language, as far as it is known. */
    locale: () => voice?.lang,
    /**
     * What is just being said, and what was just before: recognition is late.
     * Empty while nothing is said.
     */
    saying() {
      return current ? `${before?.text ?? ""} ${current.text}`.trim() : "";
    },
    /** @param {boolean} on */
    turn(on) {
      isOn = on;
      if (!on) clear();
    },
    /** @param {SpeechSynthesisVoice | undefined} chosen */
    choose(chosen) {
      voice = chosen;
    },
    /**
     * Begins with another text.
     *
     * @param {(offset: number, isOver: boolean) => void} listener told how far
     * into the text the speaking has come
     */
    begin(listener) {
      clear();
      offset = 0;
      isClosed = false;
      onProgress = listener;
    },
    /** @param {import("./sentences.js").Sentence} sentence */
    say(sentence) {
      if (isClosed) return;
      queue.push(sentence);
      if (current === undefined) next();
    },
    /** No more is coming. */
    end() {
      isClosed = true;
      if (current === undefined && queue.length === 0) onProgress(offset, true);
    },
    /**
     * Falls silent.
     *
     * @returns {number} how much of the text was spoken, in characters
     */
    stop() {
      const sentence = current;
      if (sentence && !tells) {
        offset = Math.max(offset, sentence.start + guess(sentence));
      }
      clear();
      onProgress = () => {};
      return offset;
    },
  };
}

/**
 * The voices to choose from: those of the reader's languages first.
 *
 * @param {readonly SpeechSynthesisVoice[]} voices
 * @param {readonly string[]} languages
 */
export function sortVoices(voices, languages) {
  const wanted = languages.map(toLanguage);
  /** @param {SpeechSynthesisVoice} voice */
  function rank({ lang }) {
    const found = wanted.indexOf(toLanguage(lang));
    return found < 0 ? wanted.length : found;
  }
  return voices.toSorted((a, b) =>
    rank(a) - rank(b) || a.lang.localeCompare(b.lang) ||
    a.name.localeCompare(b.name)
  );
}

/** @param {string} tag */
function toLanguage(tag) {
  return tag.toLowerCase().split(/[-_]/)[0] ?? "";
}
