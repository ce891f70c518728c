/**
 * What the bench's model says: forty tokens, as a small model would cut them.
 * The first and the last are found nowhere else in an answer.
 *
 * @module
 */

/** The word by which the first token is known. */
export const FIRST = "Certainly";

/** The word by which the last token is known. */
export const LAST = "breakfast";

/** All of the answer. */
export const TOKENS: readonly string[] = (
  `${FIRST} , we have a quiet room with a view of the garden for you . It is ` +
  "on the second floor , close to the lift , and it is free from Friday to " +
  `Monday . Do you want me to add ${LAST}`
).split(" ").map((word, n) => n === 0 || /^\W/.test(word) ? word : ` ${word}`);
