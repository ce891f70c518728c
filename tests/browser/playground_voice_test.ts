/**
 * The playground by voice. A headless browser has neither voices nor a
 * microphone, so both are fakes that the tests control.
 *
 * @module
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Page } from "./_browser.ts";
import { fakeSpeech, tell } from "./_speech.ts";
import {
  endless,
  openPlayground,
  readConversation,
  type,
  waitForEnd,
  waitForWords,
  wordsOf,
} from "./_playground.ts";

/** Returns the sentences that were passed to the voice so far. */
async function spokenIn(page: Page): Promise<string[]> {
  return await page.evaluate("spoken");
}

/** Returns the struck-through words of a turn. */
async function unheardIn(page: Page, turn: number): Promise<string> {
  const struck = page.locator(`.turn:nth-child(${turn}) s`);
  return (await struck.allTextContents()).join("").replace("Not heard: ", "");
}

const STORY = [
  "The house is old. ",
  "A captain built it ",
  "by the sea. ",
  "His daughter ran ",
];

async function openWithVoice() {
  return await openPlayground({
    before: fakeSpeech,
    answer: (text) =>
      text.includes("story")
        ? endless(...STORY)
        : { kind: "text", chunks: ["Well. ", "As you wish."] },
  });
}

Deno.test("the playground speaks sentence by sentence, as they arrive", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  await page.locator("#voice").click();
  await type(page, "Tell me a story");
  await waitForWords(page, 2, /daughter/);
  // The rest is not a complete sentence yet.
  const whole = ["The house is old.", "A captain built it by the sea."];
  assertEquals(await spokenIn(page), whole);
  assertEquals(
    await page.locator(".turn:nth-child(2) .ahead").textContent(),
    STORY.join("").trimEnd(),
    "not yet spoken",
  );
  await tell(page, "speakWords");
  assertEquals(
    await page.locator(".turn:nth-child(2) .ahead").textContent(),
    STORY.slice(1).join("").trimEnd(),
  );
});

Deno.test("the playground lets a caller speak over the agent, and reports what was spoken", async () => {
  await using open = await openWithVoice();
  const { page, server, gemini } = open;
  await page.locator("#mic").click();
  assertEquals(
    await page.locator("#voice").getAttribute("aria-pressed"),
    "true",
  );
  await tell(page, "hear", "tell me", false);
  assertEquals(await page.locator("#interim").textContent(), "tell me");
  await tell(page, "hear", "tell me a story", true);
  await waitForWords(page, 2, /daughter/);
  await tell(page, "speakWords");
  await tell(page, "speakWords", 3);

  // The microphone picks up the loudspeaker.
  await tell(page, "hear", "a captain built", false);
  assertEquals(
    await page.locator(".turn:nth-child(2)").getAttribute("data-state"),
    "answering",
  );
  await tell(page, "hear", "stop please", false);
  assertEquals(await waitForEnd(page, 2), "interrupted");
  assertEquals(
    (await unheardIn(page, 2)).trim(),
    "built it by the sea. His daughter ran",
  );
  await tell(page, "hear", "stop please", true);
  await waitForWords(page, 3, /As you wish/);

  const lines = await readConversation(page, server);
  const heard = lines.find((line) => line.type === "heard");
  assertEquals(heard?.text, "The house is old. A captain");
  assertStringIncludes(
    JSON.stringify(gemini.requests.at(-1)?.body),
    "The house is old. A captain [interrupted]",
  );
});

Deno.test("the playground counts words that arrived but were not spoken as unheard", async () => {
  await using open = await openWithVoice();
  const { page, server } = open;
  await page.locator("#voice").click();
  await type(page, "Short, please");
  await waitForWords(page, 2, /As you wish/);
  await tell(page, "speakWords");
  // The whole answer has arrived; its last sentence is not spoken yet.
  await page.keyboard.press("Escape");
  assertEquals(await waitForEnd(page, 2), "interrupted");
  assertEquals((await unheardIn(page, 2)).trim(), "As you wish.");
  await type(page, "Again");
  await waitForWords(page, 3, /As you wish/);
  const lines = await readConversation(page, server);
  assertEquals(
    lines.filter((line) => line.type === "heard").map(({ text }) =>
      text?.trim()
    ),
    ["Well."],
  );
});

Deno.test("the playground counts whole sentences if the voice reports no words", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  await page.evaluate(() => Object.assign(globalThis, { isMute: true }));
  await page.locator("#voice").click();
  await type(page, "Tell me a story");
  await waitForWords(page, 2, /daughter/);
  await tell(page, "speakWords");
  await tell(page, "speakWords", 1);
  await page.keyboard.press("Escape");
  assertEquals(await waitForEnd(page, 2), "interrupted");
  assertMatch(await unheardIn(page, 2), /^A captain built it by the sea/);
});

Deno.test("the playground's microphone stops when its button is pressed again", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  const mic = page.locator("#mic");
  await mic.click();
  assertEquals(await mic.getAttribute("aria-pressed"), "true");
  await tell(page, "hear", "hello there", true);
  await waitForWords(page, 2, /As you wish/);
  await mic.click();
  assertEquals(await mic.getAttribute("aria-pressed"), "false");
  assertEquals(await page.evaluate("isHearing"), false);
});

Deno.test("the playground recognises speech in the language of the chosen voice", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  assertEquals(await page.locator("#voices").inputValue(), "daniel");
  await page.locator("#voices").selectOption("anna");
  await page.locator("#mic").click();
  assertEquals(await page.evaluate("mic.lang"), "de-DE");
});

Deno.test("the playground says where the audio goes", async () => {
  await using open = await openWithVoice();
  const note = open.page.locator("#mic-note");
  assertMatch(
    await note.innerText(),
    /may send audio to its maker.*Google.*Apple/,
  );
});

Deno.test("the playground says why there is no microphone", async () => {
  await using open = await openPlayground({
    before: () => {
      // deno-lint-ignore no-explicit-any -- as in Firefox
      const world = globalThis as any;
      delete world.SpeechRecognition;
      delete world.webkitSpeechRecognition;
    },
  });
  const { page } = open;
  assertEquals(await page.locator("#mic").isDisabled(), true);
  assertStringIncludes(
    await page.locator("#mic-note").innerText(),
    "needs Chrome, Edge or Safari",
  );
});

Deno.test("the playground says why the microphone stopped", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  await page.locator("#mic").click();
  await page.evaluate(`mic.onerror({ type: "error", error: "not-allowed" })`);
  assertStringIncludes(
    await page.locator("#alert").innerText(),
    "stopped: not-allowed. Allow it in the browser for this page",
  );
  assertEquals(
    await page.locator("#mic").getAttribute("aria-pressed"),
    "false",
  );
});

Deno.test("the playground keeps listening after a silence", async () => {
  await using open = await openWithVoice();
  const { page } = open;
  await page.locator("#mic").click();
  await page.evaluate(`
    isHearing = false;
    mic.onerror({ type: "error", error: "no-speech" });
    mic.onend({ type: "end" });
  `);
  assertEquals(await page.evaluate("isHearing"), true);
  await tell(page, "hear", "still there", true);
  await waitForWords(page, 2, /As you wish/);
  assertMatch(await wordsOf(page, 2), /Well/);
});
