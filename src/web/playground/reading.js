// @ts-check
/**
 * The reading of a turn: its words, cut into sentences, on their way to the
 * voice, and how far the voice has come.
 *
 * @module
 */
import { createSplitter } from "./sentences.js";

/**
 * What reading needs.
 *
 * @typedef {object} ReadingParts
 * @property {import("./voice_out.js").Speaker} speaker
 * @property {(sentence: string, turn: import("./turn.js").Turn) => void} onSentence
 * @property {(turn: import("./turn.js").Turn) => void} onChange called when more of it was heard
 */

/**
 * Begins to read a turn: aloud, where it is to be spoken.
 *
 * @param {import("./turn.js").Turn} turn
 * @param {ReadingParts} parts
 */
export function createReading(turn, { speaker, onSentence, onChange }) {
  const splitter = createSplitter(speaker.locale());
  speaker.begin((offset, isOver) => {
    if (!turn.isSpoken) return;
    turn.heard = isOver ? turn.text.length : offset;
    if (isOver) turn.isSpeaking = false;
    onChange(turn);
  });

  /** @param {import("./sentences.js").Sentence[]} sentences */
  function say(sentences) {
    for (const sentence of sentences) {
      onSentence(sentence.text, turn);
      if (turn.isSpoken) speaker.say(sentence);
    }
  }

  return {
    /** @param {string} text what has come */
    add(text) {
      say(splitter.add(text));
    },
    /** No more is coming. */
    end() {
      say(splitter.flush());
      speaker.end();
    },
  };
}
