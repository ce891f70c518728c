// @ts-check
/**
 * What was really heard of an answer, and whether what the microphone heard
 * was only the answer itself. Pure.
 *
 * @module
 */

/**
 * What the next message tells about the turn that was cut off.
 *
 * @typedef {object} Interruption
 * @property {true} previous_turn_interrupted
 * @property {number} words_heard
 * @property {string} text_heard
 * @property {string} assistant_turn_id
 */

/**
 * Tells of an interruption as Layercode does.
 *
 * @param {string} turnId the turn that was cut off
 * @param {string} heard what was heard of it
 * @returns {Interruption}
 */
export function toInterruption(turnId, heard) {
  return {
    previous_turn_interrupted: true,
    words_heard: heard.match(/\S+/gu)?.length ?? 0,
    text_heard: heard.trimEnd(),
    assistant_turn_id: turnId,
  };
}

/** How fast voices speak, until it is known better. */
export const CHARACTERS_A_SECOND = 14;

/**
 * How much of a text has been spoken after a while, in whole words: for voices
 * that don't tell.
 *
 * @param {string} text
 * @param {number} elapsedMs since its beginning
 * @param {number} [charactersASecond]
 * @returns {number} characters
 */
export function heardAfter(
  text,
  elapsedMs,
  charactersASecond = CHARACTERS_A_SECOND,
) {
  const reached = Math.floor(elapsedMs / 1000 * charactersASecond);
  if (reached >= text.length) return text.length;
  // A word that has only begun wasn't heard.
  let end = reached + 1;
  while (end > 0 && /\S/u.test(text.charAt(end - 1))) end--;
  return end;
}

/**
 * What of the recognised words is the caller's own while the agent speaks: a
 * loudspeaker reaches the microphone, too.
 *
 * @param {string} recognised
 * @param {string} spoken what the agent is just saying
 * @returns {string} empty when all of it is the agent's
 */
export function ownWords(recognised, spoken) {
  const words = [...recognised.matchAll(/[\p{L}\p{N}'’]+/gu)];
  const echoed = countEcho(words.map(([word]) => plain(word)), toWords(spoken));
  if (echoed === words.length) return "";
  // Fewer may be chance: a caller also says "the".
  return echoed < 3 ? recognised : recognised.slice(words[echoed]?.index);
}

/**
 * How many words at the beginning follow each other in what was spoken.
 * Recognition misses a word now and then.
 *
 * @param {string[]} words
 * @param {string[]} spoken
 */
function countEcho(words, spoken) {
  let most = 0;
  for (let from = 0; from < spoken.length; from++) {
    if (spoken[from] !== words[0]) continue;
    let at = from;
    let count = 1;
    for (; count < words.length; count++) {
      const next = spoken.slice(at + 1, at + 4).indexOf(words[count] ?? "");
      if (next < 0) break;
      at += 1 + next;
    }
    most = Math.max(most, count);
  }
  return most;
}

/** @param {string} text */
function toWords(text) {
  return (text.match(/[\p{L}\p{N}'’]+/gu) ?? []).map(plain);
}

/** @param {string} word */
function plain(word) {
  return word.toLowerCase().replace(/['’]/gu, "");
}

/**
 * Makes a filter that takes the agent's own words off what the microphone
 * hears. Recognition is late, so it keeps in mind what was spoken since.
 *
 * @param {() => string} saying what the agent is just saying, empty if nothing
 */
export function createEchoFilter(saying) {
  let overheard = "";
  return {
    /** The caller's own words. @param {string} recognised */
    ownWords(recognised) {
      const words = saying();
      if (!overheard.endsWith(words)) overheard = `${overheard} ${words}`;
      return overheard === "" ? recognised : ownWords(recognised, overheard);
    },
    /** Whatever is heard from now on is new. */
    clear() {
      overheard = "";
    },
  };
}
