/// <reference lib="dom" />
/**
 * The look and the accessibility of the playground: light and dark, large and
 * small, by keyboard alone. With `SCREENSHOTS=1` this also takes the screenshots
 * in `docs`.
 *
 * @module
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { GeminiAnswer } from "../fakes/gemini.ts";
import {
  findInaccessible,
  isTooWide,
  type Page,
  type PageOptions,
  until,
} from "./_browser.ts";
import {
  openPlayground,
  type,
  waitForEnd,
  waitForWords,
} from "./_playground.ts";
import { fakeSpeech, tell } from "./_speech.ts";

const PHONE: PageOptions = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
};

/** The windows in which the page must look right. */
const WINDOWS: Record<string, PageOptions> = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { ...PHONE, colorScheme: "light" },
  "phone in the dark": { ...PHONE, colorScheme: "dark" },
  "narrowest phone": { ...PHONE, viewport: { width: 320, height: 640 } },
  tablet: { viewport: { width: 820, height: 1180 } },
};

/** The answers of the front desk of a small hotel. */
function frontDesk(text: string): GeminiAnswer {
  const pace = { firstChunkAfterMs: 180, delayMs: 60 };
  if (text === "") {
    return {
      kind: "text",
      chunks: [
        "It's twenty past six here, ",
        "so the kitchen is open for another three hours. ",
        "Shall I book you a table?",
      ],
      ...pace,
    };
  }
  if (text.includes("kitchen")) {
    return {
      kind: "tool-calls",
      calls: [{ name: "current_time", args: { time_zone: "Europe/Oslo" } }],
      firstChunkAfterMs: 260,
    };
  }
  if (text.includes("house")) {
    return {
      kind: "stall",
      chunks: [
        "Gladly. A sea captain built it in nineteen twelve, ",
        "so that he could see every ship that came in, ",
        "and his daughter kept the light in the tower. ",
        "On Sundays ",
      ],
      ...pace,
    };
  }
  return {
    kind: "text",
    chunks: [
      "Yes, with pleasure. ",
      "Breakfast is from seven to half past ten in the garden room, ",
      "and for early trains we pack you a bag.",
    ],
    ...pace,
  };
}

/** Types a conversation with a tool call and an interruption. */
async function talk(page: Page): Promise<void> {
  await type(page, "Is the kitchen still open?");
  await waitForEnd(page, 2);
  await type(page, "Not tonight. Tell me about the house!");
  await waitForWords(page, 3, /Sundays/);
  await page.keyboard.press("Escape");
  await type(page, "Sorry. Can we have breakfast before our train at eight?");
  await waitForEnd(page, 4);
}

/** Holds the same conversation with a voice, which is interrupted in mid-sentence. */
async function talkAloud(page: Page): Promise<void> {
  await page.locator("#voice").click();
  await type(page, "Is the kitchen still open?");
  await waitForWords(page, 2, /table/);
  await tell(page, "speakWords");
  await tell(page, "speakWords");
  await waitForEnd(page, 2);
  await type(page, "Not tonight. Tell me about the house!");
  await waitForWords(page, 3, /Sundays/);
  await tell(page, "speakWords");
  await tell(page, "speakWords", 10);
  await page.keyboard.press("Escape");
  await type(page, "Sorry. Can we have breakfast before our train at eight?");
  await waitForWords(page, 4, /bag/);
  await tell(page, "speakWords");
  await tell(page, "speakWords");
  await waitForEnd(page, 4);
}

const HOTEL = {
  answer: frontDesk,
  env: {
    ADMIN_TOKEN: "a token for tests only, long enough",
    WELCOME_MESSAGE: "Hotel Aurora, good evening! How can I help you?",
  },
};

for (const [name, options] of Object.entries(WINDOWS)) {
  Deno.test(`the playground is accessible: ${name}`, async () => {
    await using open = await openPlayground({ ...HOTEL, ...options });
    const { page } = open;
    const isSmall = (options.viewport?.width ?? 1280) < 900;
    assertEquals(await findInaccessible(page), [], "at the beginning");
    await talk(page);
    assertEquals(await findInaccessible(page), [], "in a conversation");
    await assertFits(page);

    await page.locator(".turn:nth-child(2) details summary").click();
    await assertFits(page);
    assertEquals(await findInaccessible(page), [], "with a turn's events");
    if (isSmall) await page.getByRole("button", { name: "Tools" }).click();
    await page.locator("#curl").click();
    await assertFits(page);
    assertEquals(await findInaccessible(page), [], "with the tools");
  });
}

/** Asserts that nothing is wider than the window, and that the field is visible. */
async function assertFits(page: Page): Promise<void> {
  assertEquals(await isTooWide(page), false, "wider than the window");
  const box = await page.locator("#words").boundingBox();
  const window = page.viewportSize();
  assert(box && window);
  assert(box.y >= 0 && box.y + box.height <= window.height, "out of sight");
  assert(box.x >= 0 && box.x + box.width <= window.width, "out of sight");
}

Deno.test("the playground is dark if the system is", async () => {
  const papers = new Set<string>();
  for (const colorScheme of ["light", "dark"] as const) {
    await using open = await openPlayground({ colorScheme });
    papers.add(
      await open.page.evaluate(() =>
        getComputedStyle(document.documentElement).backgroundColor
      ),
    );
  }
  assertEquals(papers.size, 2);
});

Deno.test("the playground has buttons that are large enough to tap on a phone", async () => {
  await using open = await openPlayground({ ...PHONE, ...HOTEL });
  const { page } = open;
  await page.getByRole("button", { name: "Tools" }).tap();
  for (
    const button of await page.locator("button:visible, select:visible").all()
  ) {
    const box = await button.boundingBox();
    const name = await button.innerText();
    assert(
      box && box.height >= 40 && box.width >= 40,
      `${name}: ${box?.height}`,
    );
  }
});

Deno.test("the playground's tools can be closed by a tap in the narrowest window", async () => {
  await using open = await openPlayground({
    ...PHONE,
    viewport: { width: 320, height: 640 },
  });
  const { page } = open;
  const panel = page.locator("#panel");
  await page.getByRole("button", { name: "Tools" }).tap();
  const box = await panel.boundingBox();
  assert(box && box.x >= 40, "there is something beside them to tap");
  await panel.getByRole("button", { name: "Close" }).tap();
  assertEquals(await panel.isVisible(), false);
});

Deno.test("the playground scrolls to the newest words on a phone in landscape", async () => {
  await using open = await openPlayground({
    ...PHONE,
    viewport: { width: 740, height: 360 },
  });
  const { page } = open;
  for (const turn of [2, 3, 4]) {
    await type(page, "When is breakfast?");
    await waitForEnd(page, turn);
    await assertFits(page);
  }
});

Deno.test("the playground shows right-to-left text from right to left", async () => {
  await using open = await openPlayground();
  const { page } = open;
  await type(page, "מתי ארוחת הבוקר?");
  await waitForEnd(page, 2);
  for (const [who, isRight] of [["you", true], ["agent", false]] as const) {
    const words = page.locator(`.turn:nth-child(2) .${who} .words`).first();
    const gaps = await words.evaluate((element) => {
      const range = document.createRange();
      range.selectNodeContents(element);
      const text = range.getBoundingClientRect();
      const { left, right } = element.getBoundingClientRect();
      return { left: text.left - left, right: right - text.right };
    });
    assertEquals(gaps.right < 1, isRight, `${who}: ${JSON.stringify(gaps)}`);
  }
});

Deno.test("the playground can be used without a mouse, and shows where the focus is", async () => {
  await using open = await openPlayground(HOTEL);
  const { page } = open;
  await page.keyboard.type("Is the kitchen still open?");
  await page.keyboard.press("Enter");
  await waitForEnd(page, 2);

  const order: string[] = [];
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press("Tab");
    const { name, isVisible } = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) {
        return { name: "", isVisible: true };
      }
      const { outlineStyle } = getComputedStyle(element);
      const around = getComputedStyle(element.closest(".composer") ?? element);
      return {
        name: element.id || element.className || element.textContent || "",
        isVisible: outlineStyle !== "none" || around.outlineStyle !== "none",
      };
    });
    assert(isVisible, `${name} shows no focus`);
    if (name === "" || order.includes(name)) break;
    order.push(name);
  }
  const expected = ["send", "new", "reconnect", "repeat", "curl", "completion"];
  const seen = order.filter((name) => expected.includes(name));
  assertEquals(seen, expected, order.join(" "));
});

if (Deno.env.get("SCREENSHOTS") === "1") {
  const docs = new URL("../../docs/", import.meta.url);
  for (
    const [name, options] of Object.entries(
      {
        light: { colorScheme: "light" },
        dark: { colorScheme: "dark" },
        // High enough that no line is cut in two.
        phone: {
          ...PHONE,
          viewport: { width: 390, height: 924 },
          colorScheme: "light",
        },
      } as const,
    )
  ) {
    Deno.test(`the playground is photographed for the docs: ${name}`, async () => {
      await using open = await openPlayground({
        ...HOTEL,
        viewport: { width: 1280, height: 950 },
        ...options,
        deviceScaleFactor: 2,
        before: fakeSpeech,
      });
      const { page } = open;
      await talkAloud(page);
      await until(
        async () =>
          await page.evaluate(() => document.fonts.status) === "loaded",
        "fonts are there",
      );
      await Deno.mkdir(docs, { recursive: true });
      const path = new URL(`playground-${name}.png`, docs).pathname;
      await page.screenshot({ path, animations: "disabled", caret: "hide" });
      assertNotEquals((await Deno.stat(path)).size, 0);
    });
  }
}
