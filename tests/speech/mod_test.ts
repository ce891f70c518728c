import process from "node:process";
import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { agentSettings } from "../../src/agent/prompt.ts";
import { createSpeechBuffer, type SpeechBuffer } from "../../src/speech/mod.ts";

const CODE_MESSAGE = agentSettings.codeMessage.default;

/** An answer of a model, and what is spoken of it. */
interface Answer {
  name: string;
  text: string;
  spoken: string;
}

/**
 * The corpus. In a file, an answer is: a line "@@ name", its text, and either
 * "@@ spoken" and what is spoken, "@@ spoken as it is", or "@@ not spoken".
 * The line break before such a line is not part of the text.
 */
const corpus = [
  ...Deno.readDirSync(new URL("../fixtures/speech/", import.meta.url)),
].map(({ name }) => name).sort().flatMap(readAnswers);

function readAnswers(file: string): Answer[] {
  const url = new URL(`../fixtures/speech/${file}`, import.meta.url);
  const answers: Answer[] = [];
  let text: string | undefined;
  let name = "";
  for (const part of Deno.readTextFileSync(url).split(/^@@ /m).slice(1)) {
    const [head = ""] = part.split("\n", 1);
    const body = part.slice(head.length + 1).replace(/\n$/, "");
    if (text === undefined) {
      name = `${file}: ${head}`;
      text = body;
      continue;
    }
    const spoken = { "spoken": body, "spoken as it is": text }[head] ?? "";
    if (!/^(?:spoken|spoken as it is|not spoken)$/.test(head)) {
      throw new Error(`No "@@ spoken" after "${name}"`);
    }
    answers.push({ name, text, spoken });
    text = undefined;
  }
  return answers;
}

const CLEANED = { speechCleanup: true, codeMessage: CODE_MESSAGE };

/** Returns what is spoken of an answer in these pieces. */
function clean(pieces: Iterable<string>): string {
  const buffer = createSpeechBuffer(CLEANED);
  let spoken = "";
  for (const piece of pieces) spoken += buffer.push(piece);
  return spoken + buffer.flush();
}

function cut(text: string, length: () => number): string[] {
  const pieces: string[] = [];
  for (let rest = text; rest !== "";) {
    const size = length();
    pieces.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return pieces;
}

/** Creates a deterministic generator of numbers from 0 to 1 (mulberry32). */
function createRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("createSpeechBuffer() speaks every answer of the corpus as expected there", async (t) => {
  assertLess(200, corpus.length);
  for (const { name, text, spoken } of corpus) {
    await t.step(name, () => assertEquals(clean([text]), spoken));
  }
});

Deno.test("createSpeechBuffer() speaks the same wherever an answer is cut", () => {
  const random = createRandom(1);
  for (const { name, text, spoken } of corpus) {
    assertEquals(clean(text.split("")), spoken, name);
    for (let at = 1; at < text.length; at++) {
      const cuts = `${name}, cut at ${at}`;
      assertEquals(clean([text.slice(0, at), text.slice(at)]), spoken, cuts);
    }
    for (let times = 0; times < 20; times++) {
      const pieces = cut(text, () => 1 + Math.floor(random() * 9));
      assertEquals(clean(pieces), spoken, JSON.stringify(pieces));
    }
  }
});

Deno.test("createSpeechBuffer() speaks the same for random text, wherever it is cut", () => {
  const random = createRandom(2);
  for (let times = 0; times < 1500; times++) {
    const parts = Array.from(
      { length: 1 + Math.floor(random() * 12) },
      () => NONSENSE[Math.floor(random() * NONSENSE.length)],
    );
    const text = parts.join("");
    const spoken = clean([text]);
    assertEquals(clean(text.split("")), spoken, JSON.stringify(text));
    for (let at = 1; at < text.length; at++) {
      const halves = [text.slice(0, at), text.slice(at)];
      assertEquals(clean(halves), spoken, JSON.stringify(halves));
    }
  }
});

/** Beginnings and ends of every syntax element, to be combined at random. */
const NONSENSE = [
  "* ** _ __ ~~ ~ ` `` ``` [ ] ( ) ]( ! [1] [^1] ![a](b) [a](http://x.io)",
  "https:// www. . , < </ <b> </b> <br> <!-- --> &amp; & &lt; | \\ + = { }",
  "😀 👨‍👩‍👧 1️⃣ 🇩🇪 → \u200d \ufe0f - # >",
].join(" ").split(" ").concat(
  ["\n", "\n\n", " ", "  ", "- ", "1. ", "# ", "> ", " | ", "|---|---|\n"],
  ["---\n", "===\n", "```js\n", "```json\n", "[^1]: ", "example.com", "\r\n"],
  ["<think>", "</think>", "<think", "<|channel|>", "analysis", "<|message|>"],
  ["final", "<|end|>", "[THINK]", "[/THINK]", "<tool_call>", "</tool_call>"],
  ['{"name": "x", ', '"arguments": {}}', '[{"', '"', "【4†s】", "- [ ] "],
  ["word", "5", "héllo", "你好", "שלום", "a@b.com", "h", "ht", "w", "\t"],
);

Deno.test("createSpeechBuffer() returns words at once and holds back only a few characters", () => {
  const prose = corpus.filter(({ name, text, spoken }) =>
    /^(?:plain|languages)/.test(name) && text === spoken &&
    !/[[|{`<]|https?:|\*\*/.test(text)
  );
  assertLess(30, prose.length);
  for (const { name, text } of prose) {
    for (const size of [3, 4]) {
      const buffer = createSpeechBuffer(CLEANED);
      let read = 0;
      let spoken = 0;
      let words = false;
      for (const piece of cut(text, () => size)) {
        read += piece.length;
        spoken += buffer.push(piece).length;
        words ||= /\p{L}/u.test(piece);
        if (words) assertLess(0, spoken, `${name}: no word yet`);
        assertLessOrEqual(read - spoken, 6, `${name}: held at ${read}`);
      }
    }
  }
});

Deno.test("createSpeechBuffer() takes linear time for any text", () => {
  const hard =
    '[ * < _ ` ~ # | - = { & ! [a]( [a](b {" <a <| \\ ( 😀 https:// www.a. **a [1] ((';
  for (
    const part of [
      ...hard.split(" "),
      "- ",
      "| a ",
      "> ",
      "\n",
      "{\n",
      " ",
      '[a](b "',
    ]
  ) {
    for (const [length, size] of [[100_000, 100_000], [25_000, 1]] as const) {
      const text = part.repeat(length / part.length);
      const took = timeOf(() => clean(cut(text, () => size)));
      // About 0.4 s at worst; quadratic time for 100 KB would take minutes.
      assertLess(took, 5_000, JSON.stringify(part));
    }
  }
  for (const part of ["😀 .", "😀\n.", "😀 (", "😀 ()", "<br>.", "| a ,"]) {
    const [short, long] = [65_536, 262_144].map((length) => {
      const text = part.repeat(length / part.length);
      const once = () => timeOf(() => clean([text]));
      return Math.min(once(), once());
    });
    // Quadratic time would be sixteen times as long.
    assertLess(long!, 8 * Math.max(short!, 20), JSON.stringify(part));
  }
});

/** Measures the CPU time of a task, in milliseconds. */
function timeOf(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

Deno.test("createSpeechBuffer() speaks the owner's message in place of code, or nothing", () => {
  const text = "Run this:\n```sh\nls\n```\nDone.";
  const spoken = ["Code folgt.", ""].map((codeMessage) => {
    const buffer = createSpeechBuffer({ speechCleanup: true, codeMessage });
    return buffer.push(text) + buffer.flush();
  });
  assertEquals(spoken, [
    "Run this:\nCode folgt.\nDone.",
    "Run this:\nDone.",
  ]);
});

Deno.test("createSpeechBuffer() returns nothing more after a flush", () => {
  const buffer = createSpeechBuffer(CLEANED);
  assertEquals(buffer.flush(), "");
  assertEquals(buffer.push("One"), "One");
  assertEquals(buffer.flush(), "");
  assertEquals(buffer.flush(), "");
});

Deno.test("createSpeechBuffer() loses no word of any Markdown and lets no mark through", () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const { text, words } = writeMarkdown(createRandom(seed));
    const random = createRandom(seed);
    const spoken = clean(cut(text, () => 1 + Math.floor(random() * 12)));
    const about = JSON.stringify({ seed, text, spoken });
    assertEquals(spoken.match(/w\d+w/g) ?? [], words, about);
    const rest = spoken.replaceAll(CODE_MESSAGE, "").replace(/w\d+w/g, "");
    assert(/^[\s.,:!?]*$/.test(rest), about);
    assert(!/ {2}|\s[.,:!?]|^[-+] |[.,:!?]{2}/m.test(spoken), about);
  }
});

/** A document, and the words that must be spoken, in their order. */
function writeMarkdown(
  random: () => number,
): { text: string; words: string[] } {
  const words: string[] = [];
  let count = 0;
  const pick = <T>(...choices: T[]): T =>
    choices[Math.floor(random() * choices.length)]!;
  const many = (most: number, make: (index: number) => string) =>
    Array.from({ length: 1 + Math.floor(random() * most) }, (_, n) => make(n));

  function word(): string {
    const made = `w${count++}w`;
    words.push(made);
    return made;
  }
  /** A text that must not be spoken. */
  const secret = () => `w${count++}w`;
  const plain = () => many(4, word).join(" ");
  const inline = (): string =>
    pick(
      plain,
      plain,
      () => `**${plain()}**`,
      () => `*${plain()}*`,
      () => `__${plain()}__`,
      () => `_${word()}_`,
      () => `***${word()}***`,
      () => `~~${plain()}~~`,
      () => `**${word()} *${word()}* ${word()}**`,
      () => `\`${word()}\``,
      () => `[${plain()}](https://x.org/${secret()}?a=b "t")`,
      () => `[**${word()}**][${secret()}]`,
      () => `![${plain()}](a/${secret()}.png)`,
      () => `${word()}[^${secret()}]`,
      () => `${word()}[12]`,
      () => `${word()} ${pick("🎉", "👩🏽‍💻", "🇩🇪", "1️⃣", "❤️")}`,
      () => `<b>${word()}</b>`,
      () => `<span class="${secret()}">${plain()}</span>`,
      () => `${word()}<!-- ${secret()} -->`,
      () => `${word()}<br>${word()}`,
      () => `${word()}<think>${secret()} **</think>`,
      () => `${word()}&nbsp;${word()}`,
    )();
  const line = () => many(3, inline).join(" ") + pick("", "", ".", "!", " 🎉.");
  const fence = (): string => {
    const marks = pick("```", "~~~", "````");
    const hidden = many(3, () => `  ${secret()} = *x*`).join("\n");
    return `${marks}${pick("", "js", "python x=1")}\n${hidden}\n${marks}`;
  };
  const item = (mark: string) => `${mark} ${pick("", "[x] ")}${line()}`;
  const row = () => `| ${many(1, inline)} | ${inline()} | ${inline()} |`;
  const block = (): string =>
    pick(
      line,
      () => many(3, line).join("\n"),
      () => `${"#".repeat(1 + Math.floor(random() * 6))} ${line()}`,
      () => `${plain()}\n${pick("---", "=====")}`,
      () => many(4, () => item(pick("-", "*", "+"))).join("\n"),
      () => many(4, (n) => item(`${n + 1}.`)).join("\n"),
      () => `- ${line()}\n  - ${line()}\n    1. ${line()}\n- ${line()}`,
      () => `- ${line()}\n  ${plain()}`,
      () => many(3, () => `> ${line()}`).join("\n"),
      () => `${row()}\n|:--|---|--:|\n${many(3, row).join("\n")}`,
      fence,
      () => `- ${line()}\n\n  ${fence().replaceAll("\n", "\n  ")}`,
      () => pick("---", "***", "* * *"),
      () => `<ul>\n<li>${line()}</li>\n<li>${plain()}</li>\n</ul>`,
      () => `<think>\n${secret()}\n</think>`,
      () => `{"name": "${secret()}", "arguments": {"a": "${secret()}"}}`,
      () => `<tool_call>${secret()}</tool_call>`,
      () => `[${secret()}]: https://x.org/${secret()}`,
      () => `[^${secret()}]: ${secret()} *x*`,
    )();
  const text = many(6, block).join(pick("\n\n", "\n\n", "\r\n\r\n", "\n\n\n"));
  return { text, words };
}

/** Returns the output for these texts of the model, and for the interjections and flushes between them. */
function speak(
  ...words: (string | { flush: true } | { say: string })[]
): string {
  const buffer: SpeechBuffer = createSpeechBuffer({
    speechCleanup: false,
    codeMessage: "",
  });
  return words.map((word) => {
    if (typeof word === "string") return buffer.push(word);
    return "say" in word ? buffer.interject(word.say) : buffer.flush();
  }).join("|");
}

const flush = { flush: true } as const;

Deno.test("createSpeechBuffer() leaves the text unchanged without speechCleanup", () => {
  assertEquals(
    speak("**Hel", "lo** ", "🙂\n", "- you"),
    "**Hel|lo** |🙂\n|- you",
  );
  assertEquals(speak("Hello.", flush), "Hello.|");
});

Deno.test("createSpeechBuffer() puts a space between the texts before and after a pause", () => {
  assertEquals(
    speak("Let me look.", flush, "It is", " six."),
    "Let me look.|| It is| six.",
  );
  assertEquals(speak("One.", flush, flush, "Two."), "One.||| Two.");
});

Deno.test("createSpeechBuffer() adds no space where there is one, or no text before", () => {
  assertEquals(speak("One. ", flush, "Two."), "One. ||Two.");
  assertEquals(speak("One.\n", flush, "Two."), "One.\n||Two.");
  assertEquals(speak("One.", flush, " Two."), "One.|| Two.");
  assertEquals(speak(flush, "One."), "|One.");
  assertEquals(speak("", flush, "One."), "||One.");
  assertEquals(speak("One.", "", "Two."), "One.||Two.");
});

Deno.test("createSpeechBuffer() remembers the pause until the next words", () => {
  assertEquals(speak("One.", flush, "", "Two."), "One.||| Two.");
});

Deno.test("createSpeechBuffer() puts spaces around an interjected text", () => {
  assertEquals(
    speak({ say: "One moment." }, "It is six."),
    "One moment.| It is six.",
  );
  assertEquals(
    speak("Well.", { say: "One moment." }, "Six."),
    "Well.| One moment.| Six.",
  );
  assertEquals(speak({ say: "One." }, { say: "Two." }), "One.| Two.");
  assertEquals(speak("Well. ", { say: "One. " }, "Six."), "Well. |One. |Six.");
  assertEquals(speak("Well.", { say: "" }, "Six."), "Well.|| Six.");
});

Deno.test("createSpeechBuffer() keeps no state between buffers", () => {
  speak("One.", flush);
  assertEquals(speak("Two."), "Two.");
});

for (const cleanup of [true, false]) {
  Deno.test(`createSpeechBuffer() speaks all of a plain sentence with cleanup ${cleanup ? "on" : "off"}`, () => {
    const buffer = createSpeechBuffer({
      speechCleanup: cleanup,
      codeMessage: "",
    });
    const spoken = [
      ..."Hello there, it is half past four.",
    ].map((letter) => buffer.push(letter)).join("") + buffer.flush();
    assertEquals(spoken.trim(), "Hello there, it is half past four.");
    const more = buffer.push("And more.") + buffer.flush();
    assertEquals(more.trim(), "And more.");
    assertEquals(/\s$/.test(spoken) !== /^\s/.test(more), true);
  });
}
