/// <reference lib="dom" />
/**
 * The playground by text: turns, interruptions, the tools, and a server that
 * stops.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { startFakeOllama } from "../fakes/ollama.ts";
import { cleanEnv, startServer } from "../fakes/server.ts";
import { newPage, openBrowser, type Page, until } from "./_browser.ts";
import {
  BREAKFAST,
  endless,
  openPlayground,
  readConversation,
  type,
  waitForEnd,
  waitForWords,
  wordsOf,
} from "./_playground.ts";

Deno.test("the playground answers a text, with times and the provider", async () => {
  await using open = await openPlayground();
  const { page } = open;
  assertEquals(
    await page.evaluate(() => document.activeElement?.id),
    "words",
    "the field has the focus",
  );
  await type(page, "When is <b>breakfast</b>?");
  assertEquals(await waitForEnd(page, 2), "complete");
  assertEquals(await wordsOf(page, 2), BREAKFAST.join(""));
  assertEquals(
    await page.locator(".turn:nth-child(2) .you .words").textContent(),
    "When is <b>breakfast</b>?",
  );
  const notes = page.locator(".turn:nth-child(2) .notes");
  assertMatch(await notes.innerText(), /\d+ ms\s+first word/);
  assertMatch(await notes.innerText(), /\d (ms|s) total/);
  assertMatch(await notes.innerText(), /gemini · gemini-3\.5-flash-lite/);
  assertMatch(await notes.innerText(), /tokens: \d+ in, \d+ out/);
  // The times are also drawn as bars, like those of the welcome.
  const bars = await page.locator(".turn .times").evaluateAll((charts) =>
    charts.map(({ children }) =>
      Array.from(children, (bar) => Number(bar.getAttribute("width")))
    )
  );
  const [total = 0, first = 0] = bars[1] ?? [];
  assert(first > 0 && first <= total);
  assertEquals(Math.max(...bars.map(([total = 0]) => total)), 100);
  assertStringIncludes(
    await page.locator("#live").textContent() ?? "",
    "Breakfast is from seven to half past ten. It is in",
    "announced to screen readers",
  );
});

Deno.test("the playground says that a stand-in answers", async () => {
  await using open = await openPlayground({ env: { LLM_PROVIDER: "echo" } });
  assertStringIncludes(
    await open.page.locator("#note").innerText(),
    "GOOGLE_GENERATIVE_AI_API_KEY",
  );
  await type(open.page, "Hello");
  await waitForWords(open.page, 2, /You said: Hello/);
});

Deno.test("the playground shows how long the prompt was read, and why the answer ended", async () => {
  await using ollama = startFakeOllama(() => ({
    kind: "max-tokens",
    chunks: ["And so on."],
    metrics: { prompt_eval_count: 2_690, prompt_eval_duration: 1_240_000_000 },
  }));
  await using open = await openPlayground({
    env: { LLM_PROVIDER: "ollama", OLLAMA_HOST: ollama.url },
  });
  const { page } = open;
  await type(page, "Go on");
  assertEquals(await waitForEnd(page, 2), "complete");
  const turn = page.locator(".turn:nth-child(2)");
  const notes = await turn.locator(".notes").innerText();
  assertMatch(notes, /tokens: 2,690 in, \d+ out\s+prompt read in 1240 ms/);
  assertMatch(
    await turn.locator(".remark").innerText(),
    /ended at MAX_ANSWER_TOKENS/i,
  );
});

for (const way of ["Escape", "the button", "typing"] as const) {
  Deno.test(`the playground lets a caller interrupt by ${way}, and tells the agent what was heard`, async () => {
    await using open = await openPlayground({
      answer: (text) =>
        text.includes("story")
          ? endless("Once upon a time ", "there was a hotel ")
          : { kind: "text", chunks: ["As you wish."] },
    });
    const { page, server, gemini } = open;
    await type(page, "Tell me a story");
    await waitForWords(page, 2, /a hotel/);
    assertEquals(await page.locator("#interrupt").isEnabled(), true);
    if (way === "Escape") await page.keyboard.press("Escape");
    if (way === "the button") {
      await page.locator("#interrupt").press("Enter");
      assertEquals(
        await page.evaluate(() => document.activeElement?.id),
        "interrupt",
        "the focus stays on the button",
      );
    }
    await type(page, "Enough");
    assertEquals(await waitForEnd(page, 3), "complete");
    assertEquals(await waitForEnd(page, 2), "interrupted");
    assertMatch(
      await page.locator(".turn:nth-child(2) .remark").innerText(),
      /Interrupted/,
    );
    // Without a voice, everything that was shown counts as heard.
    assertEquals(
      await page.locator(".turn:nth-child(2) s").count(),
      0,
    );

    const [request] = gemini.requests.filter(({ body }) =>
      JSON.stringify(body).includes("Tell me a story")
    );
    assertEquals(await request?.ended, "cancelled", "the model was stopped");
    const lines = await readConversation(page, server);
    const heard = lines.find((line) => line.type === "heard");
    const story = lines.find((line) => line.text === "Tell me a story");
    assertEquals(heard?.text?.trim(), "Once upon a time there was a hotel");
    assertEquals(heard?.turnId, story?.turnId);
    assertStringIncludes(
      JSON.stringify(gemini.requests.at(-1)?.body),
      "there was a hotel [interrupted]",
    );
  });
}

Deno.test("the playground continues after a restart of the server, and loses no words", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const env = { LLM_PROVIDER: "echo" };
    await using browser = await openBrowser();
    await using first = await startServer({ folder, env });
    await using watched = await newPage(browser, {
      // The browser logs each failed request.
      mayLog: /net::ERR_/,
    });
    const { page } = watched;
    await page.goto(first.url);
    await waitForWords(page, 1, /Welcome/);
    await type(page, "Are you there?");
    await waitForWords(page, 2, /message number 1/);
    await waitForEnd(page, 2);
    const id = new URL(page.url()).hash;
    await first.stop("SIGTERM");

    await type(page, "And now?");
    assertEquals(await waitForEnd(page, 3), "failed");
    assertStringIncludes(
      await page.locator(".turn:nth-child(3) .remark").innerText(),
      "can't be reached",
    );
    assertEquals(await page.locator("#words").inputValue(), "And now?");

    const { port } = new URL(first.url);
    await using _second = await startServer({
      folder,
      env: { ...env, PORT: port },
    });
    await page.locator("#words").press("Enter");
    await waitForWords(page, 4, /message number 2/);
    assertEquals(new URL(page.url()).hash, id);
    await page.locator("#reconnect").click();
    await waitForWords(page, 5, /Welcome back/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the playground says when the connection of an answer breaks", async () => {
  await using open = await openPlayground({
    answer: () => endless("Half of "),
    mayLog: /ERR_/,
  });
  const { page, server } = open;
  await type(page, "Say something whole");
  await waitForWords(page, 2, /Half of/);
  await server.stop("SIGKILL");
  assertEquals(await waitForEnd(page, 2), "failed");
  assertStringIncludes(
    await page.locator(".turn:nth-child(2) .remark").innerText(),
    "broke in the middle",
  );
});

Deno.test("the playground marks a turn that failed", async () => {
  await using open = await openPlayground({
    answer: () => ({ kind: "status", status: 400 }),
  });
  await type(open.page, "Hello");
  assertEquals(await waitForEnd(open.page, 2), "failed");
  await waitForWords(open.page, 2, /Sorry/);
  assertStringIncludes(
    await open.page.locator(".turn:nth-child(2) .remark").innerText(),
    "failed",
  );
});

Deno.test("the playground begins a new conversation, and a reload continues it", async () => {
  await using open = await openPlayground({ env: { LLM_PROVIDER: "echo" } });
  const { page } = open;
  await type(page, "One");
  await waitForEnd(page, 2);
  const first = page.url();
  await page.locator("#new").click();
  await until(async () => await page.locator(".turn").count() === 1, "cleared");
  await waitForWords(page, 1, /^Welcome!/);
  assertNotEquals(page.url(), first);
  await type(page, "Two");
  await waitForWords(page, 2, /message number 1/);
  await waitForEnd(page, 2);
  const id = await page.locator("#conversation").textContent();
  await page.reload();
  await waitForWords(page, 1, /Welcome back/);
  assertEquals(await page.locator("#conversation").textContent(), id);
  await page.goto(first);
  await page.locator("#conversation").getByText(new URL(first).hash.slice(1))
    .waitFor();
});

Deno.test("the playground repeats the last turn, which is answered from the record", async () => {
  await using open = await openPlayground();
  const { page, gemini, server } = open;
  await type(page, "When is breakfast?");
  await waitForEnd(page, 2);
  const asked = gemini.requests.length;
  const repeated = page.waitForRequest("**/playground/turn");
  await page.locator("#repeat").click();
  assertMatch((await repeated).postData() ?? "", /When is breakfast/);
  assertEquals(await waitForEnd(page, 2), "complete");
  assertEquals(await wordsOf(page, 2), BREAKFAST.join(""));
  assertEquals(await page.locator(".turn").count(), 2);
  assertEquals(gemini.requests.length, asked, "no model was asked");
  const lines = await readConversation(page, server);
  assertEquals(lines.filter(({ type }) => type === "user").length, 1);
});

Deno.test("the playground repeats a turn that was interrupted, which is answered anew", async () => {
  let isSlow = true;
  await using open = await openPlayground({
    answer: () =>
      isSlow ? endless("Once upon") : { kind: "text", chunks: BREAKFAST },
  });
  const { page, gemini } = open;
  await type(page, "When is breakfast?");
  await waitForWords(page, 2, /Once upon/);
  await page.keyboard.press("Escape");
  assertEquals(await gemini.requests.at(-1)?.ended, "cancelled");
  isSlow = false;
  await page.locator("#repeat").click();
  assertEquals(await waitForEnd(page, 2), "complete");
  assertEquals(await wordsOf(page, 2), BREAKFAST.join(""));
});

/** Opens a command below the tools, and returns it. */
async function show(page: Page, summary: string): Promise<string> {
  await page.locator(summary).click();
  const command = page.locator(`details:has(${summary}) pre`);
  await command.getByText("curl").waitFor();
  return await command.innerText();
}

Deno.test("the playground shows a turn as a command that works", async () => {
  await using open = await openPlayground({
    env: { LLM_PROVIDER: "echo", SPEECH_CLEANUP: "off" },
  });
  const { page, server } = open;
  assertEquals(await page.locator("#panel pre:visible").count(), 0);
  const text = `It's "so" so: $HOME \`date\` — 世界`;
  await type(page, text);
  await waitForEnd(page, 2);
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", await show(page, "#curl")],
    cwd: server.folder,
    env: cleanEnv(),
    clearEnv: true,
  }).output();
  const said = new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)).content ?? "").join("");
  assertStringIncludes(said, `You said: ${text}.`);
  assertStringIncludes(said, "message number 2");
});

Deno.test("the playground shows a conversation as chat completions", async () => {
  await using open = await openPlayground();
  const { page } = open;
  await type(page, "Are you open?");
  await waitForEnd(page, 2);
  // Opened and closed at once, as by a double click, it tells so only once.
  await page.locator("details:has(#completion)").evaluate((element) => {
    element.toggleAttribute("open");
    element.toggleAttribute("open");
  });
  const shown = await show(page, "#completion");
  assertMatch(shown, /\/v1\/chat\/completions/);
  assertStringIncludes(shown, "Are you open?");
});

Deno.test("the playground shows tool calls and the words of the answer", async () => {
  await using open = await openPlayground({
    answer: (text) =>
      text.includes("time")
        ? {
          kind: "tool-calls",
          chunks: ["Let me see. "],
          calls: [
            { name: "current_time", args: { time_zone: "Asia/Tokyo" } },
            { name: "current_time", args: { time_zone: "Nowhere" } },
          ],
        }
        : { kind: "text", chunks: ["It is late."] },
  });
  const { page } = open;
  await type(page, "What time is it?");
  await waitForWords(page, 2, /late/);
  await waitForEnd(page, 2);
  const parts = page.locator(".turn:nth-child(2) .parts > p");
  const shown = await parts.allInnerTexts();
  assertEquals(shown.length, 3);
  assertMatch(shown[0] ?? "", /current_time\s+done/);
  assertMatch(shown[1] ?? "", /current_time\s+failed/);
  assertMatch(shown[2] ?? "", /Let me see\. It is late/);
});

Deno.test("the playground shows data that the agent sends to the page", async () => {
  await using open = await openPlayground();
  const { page } = open;
  const events = [
    { type: "response.data", content: { cart: ["tea", "<i>cake</i>"] } },
    { type: "response.tts", content: "In your cart." },
    { type: "response.end" },
  ];
  await page.route("**/playground/turn", (route) =>
    route.fulfill({
      contentType: "text/event-stream",
      body: events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(
        "",
      ),
    }));
  await type(page, "Put tea and cake in my cart");
  await waitForWords(page, 2, /In your cart/);
  assertStringIncludes(
    await page.locator(".turn:nth-child(2) .data").innerText(),
    '{"cart":["tea","<i>cake</i>"]}',
  );
});

Deno.test("the playground shows each turn's events as they were sent and received", async () => {
  await using open = await openPlayground();
  const { page } = open;
  await type(page, "When is breakfast?");
  await waitForEnd(page, 2);
  const events = page.locator(".turn:nth-child(2) details");
  await events.locator("summary").click();
  const shown = events.locator("pre");
  await shown.getByText("response.end").waitFor();
  const rows = (await shown.innerText()).split("\n");
  assertMatch(rows[0] ?? "", /^\+0 ms .*"text":"When is breakfast\?"/);
  assertMatch(rows[0] ?? "", /"session_id":"sess_\d+"/);
  assert(rows.some((row) => /^\+\d+ ms .*"response\.tts"/.test(row)));
  assertStringIncludes(rows.at(-2) ?? "", "parley.turn");
  assertStringIncludes(rows.at(-1) ?? "", "response.end");
});

Deno.test("the playground stays at the conversation's end, unless the user has scrolled up", async () => {
  await using open = await openPlayground({
    answer: () => ({ kind: "text", chunks: Array(300).fill("word ") }),
  });
  const { page } = open;
  const scroll = page.locator("#scroll");
  const belowEnd = () =>
    scroll.evaluate(({ lastElementChild, clientHeight }) =>
      Math.round(
        (lastElementChild?.getBoundingClientRect().bottom ?? 0) - clientHeight,
      )
    );
  for (const turn of [2, 3, 4]) {
    await type(page, "Go on");
    await waitForEnd(page, turn);
  }
  const end = await belowEnd();
  await type(page, "Go on");
  await waitForEnd(page, 5);
  assertEquals(await belowEnd(), end, "it stays at the end");
  await scroll.evaluate((element) => element.scrollTop = -300);
  assertEquals(await belowEnd(), end + 300, "it has been scrolled up");
  await type(page, "Go on");
  await waitForEnd(page, 6);
  assertEquals(
    await belowEnd(),
    end,
    "it scrolls to the end when the user sends a text",
  );
});
