import { assertEquals } from "@std/assert";
import {
  createMicrophone,
  type Recognition,
  removeEcho,
} from "../../../src/web/playground/microphone.js";

const SPOKEN =
  "Breakfast is served from seven to half past ten, in the garden.";

Deno.test("removeEcho() takes what the agent is just saying for its echo", () => {
  for (
    const echo of [
      "breakfast",
      "Breakfast is served",
      "from seven to half past",
      // A word was missed.
      "breakfast served from seven",
      "in the garden",
    ]
  ) {
    assertEquals(removeEcho(echo, SPOKEN), "", echo);
  }
});

Deno.test("removeEcho() lets the caller's words through", () => {
  for (
    const own of ["stop", "in the morning please", "no wait", "Seven what?"]
  ) {
    assertEquals(removeEcho(own, SPOKEN), own);
  }
});

Deno.test("removeEcho() takes the echo off the caller's words", () => {
  assertEquals(
    removeEcho("breakfast is served stop please", SPOKEN),
    "stop please",
  );
});

Deno.test("removeEcho() lets everything through when nothing is said", () => {
  assertEquals(removeEcho("hello", ""), "hello");
});

/** A microphone whose recognition and agent a test speaks for. */
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
  /** What is taken for the caller's own of what is recognised. */
  function hear(transcript: string, isFinal = false): string {
    const results = [{ isFinal, 0: { transcript } }];
    recognition?.onresult({ resultIndex: 0, results });
    return isFinal ? sentences.pop() ?? "" : microphone.hearing;
  }
  return { speaker, hear };
}

let recognition: Recognition | undefined;

Deno.test("createMicrophone() keeps in mind what was said while it listened", () => {
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
    // Late, and the last of it.
    assertEquals(hear("in the garden", true), "");
    assertEquals(hear("in the garden", true), "in the garden");
  } finally {
    Reflect.deleteProperty(globalThis, "SpeechRecognition");
  }
});
