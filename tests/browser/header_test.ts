/**
 * The header that all pages share: it links each page to all others, in windows
 * of every size.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { startServer } from "../fakes/server.ts";
import {
  findInaccessible,
  isTooWide,
  newPage,
  openBrowser,
  type Page,
  until,
} from "./_browser.ts";

const NAMES = ["Playground", "Voice", "Conversations"];

Deno.test("the header links from each page to each, and fits the narrowest phone", async () => {
  await using server = await startServer({
    env: {
      LLM_PROVIDER: "echo",
      ADMIN_TOKEN: "a token for tests only, long enough",
      LAYERCODE_API_KEY: "key",
      LAYERCODE_AGENT_ID: "agent_with_quite_a_long_name",
    },
  });
  await using browser = await openBrowser();
  for (const width of [320, 660, 1280]) {
    await using watched = await newPage(browser, {
      viewport: { width, height: 700 },
    });
    const { page } = watched;
    await page.goto(server.url);
    for (const name of NAMES) {
      await linksOf(page).getByText(name).click();
      await arrive(page, name);
      if (name === "Voice") {
        await page.locator("#agent").getByText("agent_with").waitFor();
      }
      assertEquals(await isTooWide(page), false, `${name} at ${width}`);
      assertEquals(await findInaccessible(page), [], `${name} at ${width}`);
    }
    await page.getByRole("link", { name: "Parley" }).click();
    await arrive(page, "Playground");
  }
});

function linksOf(page: Page) {
  return page.getByRole("navigation", { name: "Pages" }).getByRole("link");
}

/** Waits until a page has loaded and its header marks it as the current one. */
async function arrive(page: Page, name: string): Promise<void> {
  const marked = page.locator(".bar [aria-current=page]");
  await until(
    async () => (await marked.allTextContents()).join() === name,
    `${name} is shown`,
  );
  await page.waitForLoadState();
  assertEquals(await linksOf(page).allTextContents(), NAMES);
}
