import { assert, assertEquals, assertLess } from "@std/assert";
import {
  createAnswerLimit,
  findSentenceEnd,
} from "../../src/speech/answer_limit.ts";

/** What is spoken of a text in pieces of this many characters, and why it ended. */
function say(
  text: string,
  maxTokens = 1_000_000,
  size = 4,
): { said: string; ended: string | undefined } {
  const limit = createAnswerLimit(maxTokens);
  let said = "";
  for (let n = 0; n < text.length; n += size) {
    const piece = text.slice(n, n + size);
    const end = limit(piece);
    if (end) return { said: said + piece.slice(0, end.at), ended: end.ended };
    said += piece;
  }
  return { said, ended: undefined };
}

const STORY =
  "The ship left the harbour at dawn. Nobody had slept, e.g. Dr. Lee. It was 3.5 degrees. ";

Deno.test("createAnswerLimit() ends a long answer at the end of a sentence", () => {
  const { said, ended } = say(STORY.repeat(20), 30);
  assertEquals(ended, "max-tokens");
  // 120 characters are 30 tokens; the sentence then goes on to its end.
  assertEquals(said, STORY + "The ship left the harbour at dawn.");
});

Deno.test("createAnswerLimit() leaves an answer unchanged that just reaches the limit", () => {
  const text = "word ".repeat(20).trim();
  assertEquals(say(text, 25), { said: text, ended: undefined });
});

Deno.test("createAnswerLimit() ends an answer without sentences at 1.25 times the limit", () => {
  const text = Array.from({ length: 400 }, (_, n) => `word${n}`).join(" ");
  const { said, ended } = say(text, 100);
  assertEquals(ended, "max-tokens");
  assert(said.length >= 500 && said.length < 512, `${said.length} letters`);
  assertEquals(text.startsWith(`${said} `), true);
});

Deno.test("createAnswerLimit() ends an answer without spaces at 1.5 times the limit", () => {
  const { said, ended } = say("a".repeat(10_000), 100);
  assertEquals(ended, "max-tokens");
  assert(said.length >= 600 && said.length < 612, `${said.length} letters`);
});

Deno.test("createAnswerLimit() counts a Chinese character as a token, and ends at its full stop", () => {
  const sentence = "今天天气很好我们去公园散步。";
  const many = Array.from({ length: 40 }, (_, n) => `第${n}次${sentence}`)
    .join("");
  const { said, ended } = say(many, 40, 1);
  assertEquals(ended, "max-tokens");
  assertEquals(said.endsWith("。"), true);
  assert(said.length >= 40 && said.length < 40 + 20, `${said.length} signs`);
});

const ENDLESS: Record<string, string> = {
  "an English sentence": "I am sorry, I can't help you with that request. ",
  "an English word": "well ",
  "a few English words": "and so on, ",
  "a German sentence": "Natürlich, größere Übungen können wir später üben. ",
  "a German word": "jawohl ",
  "a Chinese sentence": "我很高兴为您服务。",
  "a Chinese word": "好的",
  "a long English sentence":
    "On the other hand we should not forget that many people in this town have never seen the sea, and that the few who have seen it speak of it as of a dream they had as children. ",
};

for (const [what, words] of Object.entries(ENDLESS)) {
  Deno.test(`createAnswerLimit() ends an answer that repeats ${what}`, () => {
    const start = "Let me see. ";
    const { said, ended } = say(start + words.repeat(2_000));
    assertEquals(ended, "repetition");
    const times = (said.length - start.length) / words.length;
    assert(times >= 3, `${times} times`);
    // 30 words, or four repetitions.
    assertLess(said.length, start.length + Math.max(4.5 * words.length, 300));
  });
}

const FINE: Record<string, string> = {
  "a poem": "Row, row, row your boat, gently down the stream. " +
    "Merrily, merrily, merrily, merrily, life is but a dream. " +
    "Row, row, row your boat, gently up the creek. " +
    "If you see a little mouse, don't forget to squeak. " +
    "Row, row, row your boat, gently down the stream. " +
    "Merrily, merrily, merrily, merrily, life is but a dream.",
  "a refrain": ["The wind", "The rain", "The sun", "The snow", "The night"].map(
    (what) =>
      `${what} came over the hill and none of us saw how. ` +
      "Oh come home, come home, my love, the evening is near. ",
  ).join(""),
  "counting": Array.from({ length: 300 }, (_, n) => `${n + 1}`).join(", "),
  "counting in words": ["twenty", "thirty", "forty", "fifty"].map((ten) =>
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
      .map((one) => `${ten} ${one}, `).join("")
  ).join(""),
  "a phone number":
    "Your number is 0 0 0 0 8 0 0 5 5 5 5 5 5 5 1 2. I repeat: " +
    "zero zero zero zero eight zero zero, five five five five five five five, one two.",
  "a list read aloud": Array.from(
    { length: 60 },
    (_, n) => `Number ${n + 1}: one pound of item ${n * 7}, at two euros. `,
  ).join(""),
  "laughter": "Ha ha ha ha ha ha ha! No, no, no, no, no. That was funny.",
  "a chorus of thanks":
    "Thank you, thank you, thank you, thank you so much. Bye bye bye!",
  "a drill": "Left, right, left, right, left, right, left, right. At ease.",
  "a table in Chinese": Array.from(
    { length: 40 },
    (_, n) => `第${n + 1}项的价格是${n * 3 + 2}元。`,
  ).join(""),
};

for (const [what, text] of Object.entries(FINE)) {
  Deno.test(`createAnswerLimit() does not cut ${what}`, () => {
    for (const size of [1, 4, text.length]) {
      assertEquals(say(text, undefined, size), {
        said: text,
        ended: undefined,
      });
    }
  });
}

for (
  const [what, text, maxTokens, slack] of [
    ["at a sentence's end", STORY.repeat(3), 40, 0],
    [
      "at a Chinese sentence's end",
      "「今天很好。」我们去公园。".repeat(3),
      20,
      3,
    ],
    [
      "without a sentence",
      Array.from({ length: 400 }, (_, n) => `word${n}`).join(" "),
      100,
      8,
    ],
    ["where it repeats itself", "no more of this, please, ".repeat(50), 1e6, 8],
  ] as const
) {
  Deno.test(`createAnswerLimit() ends an answer ${what} at the same place, however it is cut`, () => {
    const whole = say(text, maxTokens, 1);
    assert(whole.ended !== undefined);
    for (const size of [2, 3, 5, 7, 16, 64, 1_000, text.length]) {
      const { said, ended } = say(text, maxTokens, size);
      assertEquals(ended, whole.ended);
      const apart = Math.abs(said.length - whole.said.length);
      assert(
        apart <= slack,
        `${apart} letters apart in pieces of ${size}`,
      );
    }
  });
}

Deno.test("createAnswerLimit() takes linear time past its limit, too", () => {
  const text = "x".repeat(2_000_000);
  const startedAt = performance.now();
  const { ended } = say(text, 300_000, 8_000);
  assertEquals(ended, "max-tokens");
  // It takes 0.3 s; to copy the answer for each character would take minutes.
  assertLess(performance.now() - startedAt, 5_000);
});

const SENTENCES: [before: string, words: string, kept: string | undefined][] = [
  ["", "It is warm. But", "It is warm."],
  ["It is", " warm", undefined],
  ["It is warm.", " But", ""],
  ["It is 3.", "5 degrees", undefined],
  ["Ask Dr.", " Who", undefined],
  ["", "Tea, e.g. green", undefined],
  ["", 'He said "no!" and left', 'He said "no!"'],
  ["", "Really? Yes.", "Really?"],
  ["今日は", "暖かい。でも", "暖かい。"],
  ["", "", undefined],
];

for (const [before, words, kept] of SENTENCES) {
  Deno.test(`findSentenceEnd() finds ${JSON.stringify(kept)} in "${before}|${words}"`, () => {
    const end = findSentenceEnd(before, words);
    assertEquals(end === undefined ? undefined : words.slice(0, end), kept);
  });
}
