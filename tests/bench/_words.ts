/**
 * The answer of the bench's model: forty tokens, like those of a small model. The
 * first and the last occur nowhere else in it.
 *
 * @module
 */

/** The word of the first token. */
export const FIRST = "Certainly";

/** The word of the last token. */
export const LAST = "breakfast";

/** The whole answer. */
export const TOKENS: readonly string[] = (
  `${FIRST} , we have a quiet room with a view of the garden for you . It is ` +
  "on the second floor , close to the lift , and it is free from Friday to " +
  `Monday . Do you want me to add ${LAST}`
).split(" ").map((word, n) => n === 0 || /^\W/.test(word) ? word : ` ${word}`);
