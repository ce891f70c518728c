import { assertEquals } from "@std/assert";
import {
  createEchoFilter,
  heardAfter,
  ownWords,
  toInterruption,
} from "../../../src/web/playground/heard.js";

Deno.test("toInterruption() tells of it as Layercode does", () => {
  assertEquals(toInterruption("turn_1", "Breakfast is at "), {
    previous_turn_interrupted: true,
    words_heard: 3,
    text_heard: "Breakfast is at",
    assistant_turn_id: "turn_1",
  });
  assertEquals(toInterruption("turn_1", "").words_heard, 0);
});

Deno.test("heardAfter() counts whole words only", () => {
  const text = "Breakfast is at seven.";
  assertEquals(heardAfter(text, 0, 10), 0);
  assertEquals(heardAfter(text, 500, 10), 0);
  assertEquals(text.slice(0, heardAfter(text, 800, 10)), "");
  assertEquals(text.slice(0, heardAfter(text, 1_050, 10)), "Breakfast ");
  assertEquals(text.slice(0, heardAfter(text, 1_400, 10)), "Breakfast is ");
  assertEquals(heardAfter(text, 60_000, 10), text.length);
});

const SPOKEN =
  "Breakfast is served from seven to half past ten, in the garden.";

Deno.test("ownWords() takes what the agent is just saying for its echo", () => {
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
    assertEquals(ownWords(echo, SPOKEN), "", echo);
  }
});

Deno.test("ownWords() lets the caller's words through", () => {
  for (
    const own of ["stop", "in the morning please", "no wait", "Seven what?"]
  ) {
    assertEquals(ownWords(own, SPOKEN), own);
  }
});

Deno.test("ownWords() takes the echo off the caller's words", () => {
  assertEquals(
    ownWords("breakfast is served stop please", SPOKEN),
    "stop please",
  );
});

Deno.test("ownWords() lets everything through when nothing is said", () => {
  assertEquals(ownWords("hello", ""), "hello");
});

Deno.test("createEchoFilter() keeps in mind what was said while it was listened", () => {
  let saying = "Breakfast is served from seven.";
  const filter = createEchoFilter(() => saying);
  assertEquals(filter.ownWords("breakfast is served"), "");
  saying = "It is in the garden.";
  assertEquals(
    filter.ownWords("breakfast is served from seven it is in the garden stop"),
    "stop",
  );
  saying = "";
  assertEquals(filter.ownWords("in the garden"), "");
  filter.clear();
  assertEquals(filter.ownWords("in the garden"), "in the garden");
});
