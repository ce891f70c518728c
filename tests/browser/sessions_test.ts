/// <reference lib="dom" />
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { SessionRecord } from "../../src/sessions/record.ts";
import { createFileStore } from "../../src/sessions/file.ts";
import { startServer } from "../fakes/server.ts";
import {
  findInaccessible,
  newPage,
  openBrowser,
  type Route,
  until,
} from "./_browser.ts";

const TOKEN = "a token for tests only";

/** Stores a conversation with every kind of record, and 61 short ones. */
async function fill(folder: string): Promise<void> {
  const store = createFileStore({ folder: `${folder}/data/sessions` });
  const at = "2026-11-21T10:00:00.000Z";
  const id = "conv_hotel";
  const who = { provider: "gemini", model: "gemini-3.5-flash-lite" };
  const records: SessionRecord[] = [
    { type: "assistant", turnId: "t0", text: "Hotel Aurora, good day!", at },
    { type: "end", turnId: "t0", status: "complete", at },
    { type: "user", turnId: "t1", text: "Do you have a room tonight?", at },
    {
      type: "calls",
      turnId: "t1",
      calls: [
        { id: "c", name: "find_rooms", arguments: { nights: 1 } },
        { id: "d", name: "find_views", arguments: {} },
      ],
      at,
    },
    {
      type: "result",
      turnId: "t1",
      callId: "c",
      name: "find_rooms",
      text: '{"free":2}',
      at,
    },
    {
      type: "assistant",
      turnId: "t1",
      text: "We have two rooms left, one with a view of the lake.",
      at,
    },
    {
      type: "end",
      turnId: "t1",
      status: "interrupted",
      ...who,
      firstWordsMs: 310,
      totalMs: 1_250,
      outputTokens: 14,
      at,
    },
    {
      type: "heard",
      turnId: "t1",
      text: "We have two rooms left,",
      at,
    },
    { type: "user", turnId: "t2", text: "The cheaper one, please.", at },
    { type: "memory", turnId: "t2", text: "Wants the cheaper room", at },
    { type: "assistant", turnId: "t2", text: "Gladly. Which name?", at },
    {
      type: "end",
      turnId: "t2",
      status: "complete",
      ...who,
      firstWordsMs: 190,
      totalMs: 640,
      outputTokens: 6,
      inputTokens: 2_690,
      promptMs: 172,
      cachedTokens: 2_048,
      ended: "max-tokens",
      at,
    },
    { type: "user", turnId: "t3", text: "Lindqvist.", at },
    { type: "assistant", turnId: "t3", text: "Two nights for Lindqvist?", at },
    { type: "heard", turnId: "t3", text: "2 nights", at },
    { type: "note", name: "session.end", content: { duration: 9_000 }, at },
  ];
  await store.update(id, () => records);
  for (let n = 0; n < 60; n++) {
    await store.update(`conv_${n}`, () => [
      { type: "user", turnId: "t", text: `Question ${n}`, at },
    ]);
  }
  await store.update("odd/id <b>", () => [
    { type: "user", turnId: "t", text: "<img src=x onerror=alert(1)>", at },
  ]);
}

Deno.test("the page of stored conversations asks for the token, lists, shows and deletes", async (t) => {
  const folder = await Deno.makeTempDir();
  await fill(folder);
  await using server = await startServer({
    folder,
    env: { ADMIN_TOKEN: TOKEN },
  });
  await using browser = await openBrowser();
  await using watched = await newPage(browser, {
    // The browser logs the refused token and the aborted request.
    mayLog: /401|ERR_FAILED/,
    acceptDownloads: true,
  });
  const { page } = watched;

  await t.step("a wrong token is refused with a message", async () => {
    await page.goto(`${server.url}/sessions`);
    await page.getByLabel("ADMIN_TOKEN").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("is not the server's ADMIN_TOKEN")
      .waitFor();
    assertEquals(
      await page.evaluate(() => document.activeElement?.id),
      "token",
      "the focus is in the field again",
    );
    assertEquals(await findInaccessible(page), []);
  });

  await t.step("the right one shows the list, newest first", async () => {
    await page.getByLabel("ADMIN_TOKEN").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByText("Question 59").waitFor();
    const rows = page.locator("#rows li");
    assertEquals(await rows.count(), 50);
    assertStringIncludes(await rows.first().innerText(), "<img src=x");
    assertEquals(await findInaccessible(page), []);
    const more = page.getByRole("button", { name: "Show more" });
    await page.route("**/sessions?*", (route) => route.abort());
    await more.click();
    const trouble = page.getByText("Parley can't be reached");
    await trouble.waitFor();
    const { y = -1 } = await trouble.boundingBox() ?? {};
    assert(y >= 0, "it is visible at the end of the list");
    await page.unroute("**/sessions?*");
    await more.click();
    await page.getByText("Do you have a room tonight?").waitFor();
    assertEquals(await rows.count(), 62);
    await page.setViewportSize({ width: 360, height: 700 });
    const words = await rows.first().locator("p").boundingBox();
    assertEquals(words?.width, 360 - 32, "a phone has room for words");
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  await t.step(
    "a conversation is shown with what was heard, and its timings",
    async () => {
      await page.getByText("Do you have a room tonight?").click();
      await page.getByText("find_rooms").waitFor();
      assertEquals(await page.locator("s").allTextContents(), [
        "Not heard:  one with a view of the lake.",
        // What the platform reports may differ from the words of the answer.
        "Not heard:  Two nights for Lindqvist?",
      ]);
      assertEquals(await page.locator(".tool").allInnerTexts(), [
        'find_rooms({"nights":1}) → {"free":2}',
        "find_views({}) stopped",
      ]);
      assertEquals(
        (await page.locator(".remark").allInnerTexts()).map((text) =>
          text.toLowerCase()
        ),
        ["interrupted", "ended at max_answer_tokens", "unfinished"],
      );
      const text = await page.locator("main").innerText();
      for (
        const words of [
          "310 ms first word",
          "tokens: 2,690 in, 6 out",
          "prompt read in 172 ms",
          "2,048 cached",
          "MAX_ANSWER_TOKENS",
          "Wants the cheaper room",
          "9000",
        ]
      ) {
        assertStringIncludes(text, words);
      }
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        assertEquals(await findInaccessible(page), []);
      }
      await page.setViewportSize({ width: 320, height: 700 });
      const { scrollWidth } = await page.evaluate(() => ({
        scrollWidth: document.documentElement.scrollWidth,
      }));
      assertEquals(scrollWidth, 320);
      assertEquals(await findInaccessible(page), []);
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download JSON" }).click();
      assertEquals((await download).suggestedFilename(), "conv_hotel.json");
    },
  );

  await t.step("a conversation is deleted after confirmation", async () => {
    const button = page.getByRole("button", { name: "Delete" });
    page.once("dialog", (dialog) => dialog.dismiss());
    await button.click();
    page.once("dialog", (dialog) => dialog.accept());
    await button.click();
    await page.waitForURL(`${server.url}/sessions`);
    await page.getByText("Question 59").waitFor();
    const gone = await fetch(`${server.url}/sessions/conv_hotel`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assertEquals(gone.status, 404);
    await gone.body?.cancel();
  });

  await t.step("ids and words with HTML are shown as text", async () => {
    await page.locator("#rows li").first().click();
    await page.getByText("<img src=x onerror=alert(1)>").waitFor();
    assertEquals(await page.title(), "odd/id <b> · Parley");
  });
});

/** Counts in `bodiesRead` the JSON bodies that the page has read and used. Runs in the page. */
function countBodies(): void {
  const { json } = Response.prototype;
  Reflect.set(globalThis, "bodiesRead", 0);
  Response.prototype.json = async function () {
    const body = await json.call(this);
    // A timer runs after the code that waits for this body.
    setTimeout(() => {
      const count: number = Reflect.get(globalThis, "bodiesRead");
      Reflect.set(globalThis, "bodiesRead", count + 1);
    });
    return body;
  };
}

Deno.test('the list of conversations shows each once if "Show more" is pressed again before the answer', async () => {
  const folder = await Deno.makeTempDir();
  const store = createFileStore({ folder: `${folder}/data/sessions` });
  const at = "2026-11-21T10:00:00.000Z";
  for (let n = 1; n <= 110; n++) {
    await store.update(`conv_${n}`, () => [
      { type: "user", turnId: "t", text: `Question ${n}`, at },
    ]);
  }
  await using server = await startServer({
    folder,
    env: { ADMIN_TOKEN: TOKEN },
  });
  await using browser = await openBrowser();
  await using watched = await newPage(browser, { before: countBodies });
  const { page } = watched;
  await page.goto(`${server.url}/sessions`);
  await page.getByLabel("ADMIN_TOKEN").fill(TOKEN);
  await page.keyboard.press("Enter");
  const more = page.getByRole("button", { name: "Show more" });
  await more.waitFor();

  const requests: Route[] = [];
  await page.route("**/sessions?*", (route) => void requests.push(route));
  /** Lets a request through and waits until the page has used the answer. */
  async function answer(number: number, bodies: number): Promise<void> {
    await until(() => requests.length > number, `request ${number} is sent`);
    await requests[number]?.continue();
    await page.waitForFunction(
      (bodies) => Reflect.get(globalThis, "bodiesRead") === bodies,
      bodies,
    );
  }
  // The second press asks for the same page; its answer comes last of all.
  await more.click();
  await more.click();
  await answer(0, 2);
  await until(() => requests.length > 1, "both presses have sent a request");
  await more.click();
  await answer(2, 3);
  await answer(1, 4);
  const ids = await page.locator("#rows code").allTextContents();
  assertEquals(ids.length, 110);
  assertEquals(new Set(ids).size, 110);
  assertEquals(await more.isHidden(), true);
});
