/**
 * Where a sentence ends, for an answer that must end early. Pure.
 *
 * @module
 */

/**
 * Where in the next words the sentence under way ends, if it does; 0 where it
 * has ended with the words before. Only what follows a dot tells: "3." may
 * become "3.5".
 */
export function findSentenceEnd(
  before: string,
  words: string,
): number | undefined {
  const tail = before.slice(-40);
  for (const { index, 0: mark } of (tail + words).matchAll(SENTENCE_END)) {
    const end = index + mark.length - tail.length;
    if (end >= 0) return end;
  }
  return undefined;
}

/** Not the dot of an initial, nor of "e.g." and "Dr.". */
const SENTENCE_END =
  /(?:(?<!(?<![A-Za-z\u00c0-\u1fff])(?:[A-Za-z\u00c0-\u1fff]|Dr|Mrs?|Ms|Prof|St|Nr|No|vs))\.|[!?…])["'”’)\]]*(?=\s)|[。！？]+[」』”’）]*/gu;
