import { assertEquals } from "@std/assert";
import {
  createSpeechBuffer,
  type SpeechBuffer,
} from "../../src/speech/speech_buffer.ts";

/** What becomes of these words of the model, and of what comes in between. */
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

Deno.test("createSpeechBuffer() leaves the model's text alone where nothing is to be cleaned", () => {
  assertEquals(
    speak("**Hel", "lo** ", "🙂\n", "- you"),
    "**Hel|lo** |🙂\n|- you",
  );
  assertEquals(speak("Hello.", flush), "Hello.|");
});

Deno.test("createSpeechBuffer() parts what is said after a pause from what was said before", () => {
  assertEquals(
    speak("Let me look.", flush, "It is", " six."),
    "Let me look.|| It is| six.",
  );
  assertEquals(speak("One.", flush, flush, "Two."), "One.||| Two.");
});

Deno.test("createSpeechBuffer() adds no space where there is one, or nothing to part", () => {
  assertEquals(speak("One. ", flush, "Two."), "One. ||Two.");
  assertEquals(speak("One.\n", flush, "Two."), "One.\n||Two.");
  assertEquals(speak("One.", flush, " Two."), "One.|| Two.");
  assertEquals(speak(flush, "One."), "|One.");
  assertEquals(speak("", flush, "One."), "||One.");
  assertEquals(speak("One.", "", "Two."), "One.||Two.");
});

Deno.test("createSpeechBuffer() remembers the pause until there are words again", () => {
  assertEquals(speak("One.", flush, "", "Two."), "One.||| Two.");
});

Deno.test("createSpeechBuffer() puts a space on either side of words from elsewhere", () => {
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

Deno.test("createSpeechBuffer() begins anew with each voice", () => {
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
