import { assertEquals } from "@std/assert";
import {
  createMicrophone,
  type Recognition,
  removeEcho,
} from "../../../src/web/playground/microphone.js";

const SPOKEN =
  "Breakfast is served from seven to half past ten, in the garden.";

Deno.test("removeEcho() removes the words that the agent is saying", () => {
  for (
    const echo of [
      "breakfast",
      "Breakfast is served",
      "from seven to half past",
      // The recognition missed a word.
      "breakfast served from seven",
      "in the garden",
    ]
  ) {
    assertEquals(removeEcho(echo, SPOKEN), "", echo);
  }
});

Deno.test("removeEcho() leaves the caller's words", () => {
  for (
    const own of ["stop", "in the morning please", "no wait", "Seven what?"]
  ) {
    assertEquals(removeEcho(own, SPOKEN), own);
  }
});

Deno.test("removeEcho() removes the echo before the caller's words", () => {
  assertEquals(
    removeEcho("breakfast is served stop please", SPOKEN),
    "stop please",
  );
});

Deno.test("removeEcho() leaves everything while the agent is silent", () => {
  assertEquals(removeEcho("hello", ""), "hello");
});

/** A microphone for which a test supplies the recognised text and the agent's words. */
function listen() {
  const speaker = { saying: "" };
  const sentences: string[] = [];
  const microphone = createMicrophone({
    toLanguage: () => "en",
    toSaying: () => speaker.saying,
    onChange() {},
    onWords() {},
    onSentence: (text) => sentences.push(text),
    onTrouble() {},
  });
  microphone.start();
  /** Recognises a text, and returns the caller's words in it. */
  function hear(transcript: string, isFinal = false): string {
    const results = [{ isFinal, 0: { transcript } }];
    recognition?.onresult({ resultIndex: 0, results });
    return isFinal ? sentences.pop() ?? "" : microphone.hearing;
  }
  return { speaker, hear };
}

let recognition: Recognition | undefined;

Deno.test("createMicrophone() removes an echo that is recognised after the agent has stopped", () => {
  const browser = {
    SpeechRecognition: class {
      constructor() {
        recognition = this as unknown as Recognition;
      }
      start() {}
    },
  };
  Object.assign(globalThis, browser);
  try {
    const { speaker, hear } = listen();
    speaker.saying = "Breakfast is served from seven.";
    assertEquals(hear("breakfast is served"), "");
    speaker.saying += " It is in the garden.";
    assertEquals(
      hear("breakfast is served from seven it is in the garden stop"),
      "stop",
    );
    speaker.saying = "";
    assertEquals(hear("in the garden"), "");
    // The final result of the same sentence comes late.
    assertEquals(hear("in the garden", true), "");
    assertEquals(hear("in the garden", true), "in the garden");
  } finally {
    Reflect.deleteProperty(globalThis, "SpeechRecognition");
  }
});
