/**
 * Measures what it costs to make a model's text speakable, and whether a caller
 * waits for it: how many chunks go in, from the first one with a word, before the
 * first word comes out.
 *
 * @module
 */
import { createSpeechBuffer } from "../../src/speech/mod.ts";
import { type Figure, percentile } from "./_table.ts";

const ROUNDS = 2_000;

const OPTIONS = { speechCleanup: true, codeMessage: "" };

const PLAIN =
  "Sure, I can help with that. The museum opens at nine and closes at half " +
  "past five, except on Mondays, when it stays shut all day. Tickets are 12 " +
  "euros. Would you like me to book two of them for you?";

const MARKED = "# Your day\n\n**Great** choice! Here is the *plan* 🎉:\n\n" +
  "1. **Museum**: see [its page](https://www.example.com/museum?day=1)\n" +
  "2. **Lunch** at `Rosa's`\n\n| Item | Price |\n|---|---|\n| Tea | 2.50 |\n\n" +
  "```js\nbook(2);\n```\n\nShall I *book* it?";

/** Runs the bench. */
export function benchSpeech(): Figure[] {
  const delays = [PLAIN, `\n${PLAIN}`, `**${PLAIN}**`, `- ${PLAIN}`].map(
    (text) => countWaiting(toTokens(text)),
  );
  const worst = Math.max(...delays);
  return [
    { what: "clean a chunk, plain text, p50", value: time(toTokens(PLAIN)) },
    { what: "clean a chunk, Markdown, p50", value: time(toTokens(MARKED)) },
    {
      what: "chunks by which the first word is late",
      value: `${worst} chunks`,
      bound: "0 chunks",
      holds: worst === 0,
    },
  ];
}

/** Splits a text like a model's tokens: short words, or parts of long ones. */
function toTokens(text: string): string[] {
  return text.match(/\s*(?:\w{1,5}|[^\w\s]{1,2})|\s+/gu) ?? [];
}

/** Measures the time for a chunk, as the median of the rounds. */
function time(chunks: readonly string[]): string {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const buffer = createSpeechBuffer(OPTIONS);
    for (const chunk of chunks) buffer.push(chunk);
    buffer.flush();
    samples.push((performance.now() - start) / chunks.length);
  }
  return `${(percentile(samples, 0.5) * 1000).toFixed(2)} µs`;
}

/** Counts the chunks after the first one with a letter until one is spoken. */
function countWaiting(chunks: readonly string[]): number {
  const buffer = createSpeechBuffer(OPTIONS);
  let waiting = -1;
  for (const chunk of chunks) {
    if (waiting >= 0 || /\p{L}/u.test(chunk)) waiting++;
    if (/\p{L}/u.test(buffer.push(chunk))) break;
  }
  return waiting;
}
