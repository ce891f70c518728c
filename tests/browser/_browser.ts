/// <reference lib="dom" />
/**
 * A real Chromium for tests of the pages. Every page must follow the same rules:
 * nothing in the console, no error, no request to another host.
 *
 * Its packages are named here and not in deno.json, so that nobody who only
 * starts Parley downloads them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- see above
import axe from "npm:axe-core@4.14.1";
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Page,
  type Route,
  // deno-lint-ignore no-import-prefix -- see above
} from "npm:playwright-core@1.65.1";

export type { Browser, Page, Route };

const NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome-stable",
  "google-chrome",
];

/**
 * Starts the browser: `CHROMIUM`, or one of the usual names.
 *
 * @param args further flags
 */
export async function openBrowser(
  ...args: string[]
): Promise<Browser & AsyncDisposable> {
  return await chromium.launch({
    executablePath: await findChromium(),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--hide-scrollbars",
      ...args,
    ],
  });
}

async function findChromium(): Promise<string> {
  const named = Deno.env.get("CHROMIUM");
  if (named) return named;
  for (const folder of Deno.env.get("PATH")?.split(":") ?? []) {
    for (const name of NAMES) {
      const path = `${folder}/${name}`;
      const found = await Deno.stat(path).catch(() => undefined);
      if (found?.isFile) return path;
    }
  }
  throw new Error("Cannot find Chromium: set CHROMIUM to its path");
}

/** What a test may choose about its page. */
export interface PageOptions extends BrowserContextOptions {
  /** Runs in the page before its own scripts, as text or as a function. */
  before?: string | (() => void);
  /** Hosts, `name:port`, that the page may send requests to, besides its own. */
  hosts?: readonly string[];
  /** Messages that the console may contain. */
  mayLog?: RegExp;
}

/** A page whose rules are checked when it is disposed of. */
export interface WatchedPage extends AsyncDisposable {
  page: Page;
  /** The violations of the rules so far. */
  problems: string[];
}

/** Opens a page in a browser context of its own, without cookies or storage. */
export async function newPage(
  browser: Browser,
  options: PageOptions = {},
): Promise<WatchedPage> {
  const { before, hosts = [], mayLog, ...rest } = options;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    ...rest,
  });
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems: string[] = [];
  let own: string | undefined;
  page.on("console", (message) => {
    const text = `${message.text()} (${message.location().url})`;
    const isLoud = ["error", "warning"].includes(message.type());
    if (isLoud && !mayLog?.test(text)) problems.push(`console: ${text}`);
  });
  page.on("pageerror", (error) => problems.push(`error: ${error.stack}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (!/^(https?|wss?):$/.test(protocol)) return;
    own ??= host;
    if (host !== own && !hosts.includes(host)) {
      problems.push(`request: ${request.url()}`);
    }
  });
  return {
    page,
    problems,
    async [Symbol.asyncDispose]() {
      await context.close();
      assertEquals(problems, [], "The page broke the rules");
    },
  };
}

/** Returns the violations that axe finds in a page as it is shown, one line each. */
export async function findInaccessible(page: Page): Promise<string[]> {
  // The page's policy would refuse a script tag.
  await page.evaluate(axe.source);
  return await page.evaluate(async () => {
    // deno-lint-ignore no-explicit-any -- axe of the page
    const { violations } = await (globalThis as any).axe.run(document, {
      runOnly: [
        "wcag2a",
        "wcag2aa",
        "wcag21a",
        "wcag21aa",
        "wcag22aa",
        "best-practice",
      ],
    });
    // deno-lint-ignore no-explicit-any -- axe of the page
    return violations.flatMap(({ id, nodes }: any) =>
      // deno-lint-ignore no-explicit-any -- axe of the page
      nodes.map((node: any) =>
        `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`
      )
    );
  });
}

/** Whether a page is wider than its window. */
export async function isTooWide(page: Page): Promise<boolean> {
  return await page.evaluate(() =>
    document.documentElement.scrollWidth > innerWidth
  );
}

/** Polls a condition until it is true, for at most 15 seconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const end = Date.now() + 15_000;
  while (!await condition()) {
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
