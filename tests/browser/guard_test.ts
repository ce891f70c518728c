/// <reference lib="dom" />
/**
 * Access by the address that is printed at the start, from a host name that is
 * not a loopback one, and therefore not a secure context either.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { startServer } from "../fakes/server.ts";
import {
  findInaccessible,
  isTooWide,
  newPage,
  openBrowser,
} from "./_browser.ts";
import { type as typeWords, waitForEnd, wordsOf } from "./_playground.ts";

const NAMES = "--host-resolver-rules=MAP *.test 127.0.0.1";

/** Browsers ignore this header except at https and on the loopback, and log that. */
const PLAIN = { mayLog: /Cross-Origin-Opener-Policy header has been ignored/ };

Deno.test("the printed address opens the playground under any host name, and the token disappears from the address", async () => {
  await using server = await startServer({
    env: { HOST: "0.0.0.0", LLM_PROVIDER: "echo" },
  });
  await using browser = await openBrowser(NAMES);
  await using watched = await newPage(browser, PLAIN);
  const { page } = watched;
  const address = server.page.replace("localhost", "parley.test");
  await page.goto(address);
  await typeWords(page, "Do you hear me?");
  assertEquals(await waitForEnd(page, 2), "complete");
  assertStringIncludes(await wordsOf(page, 2), "You said: Do you hear me?");
  const { host, search } = new URL(page.url());
  assertEquals([host, search], [new URL(address).host, ""]);
  // Scripts can't read the cookie, and it opens the page on the next visit.
  assertEquals(await page.evaluate(() => document.cookie), "");
  await page.goto(`http://${host}/`);
  await page.getByRole("heading", { name: "Talk with the agent" }).waitFor();
});

Deno.test("the printed address opens the playground from a link on another site", async () => {
  await using server = await startServer({ env: { HOST: "0.0.0.0" } });
  await using log = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    () =>
      new Response(
        `<link rel="icon" href="data:,"><a href="${
          server.page.replace("localhost", "parley.test")
        }">Open</a>`,
        { headers: { "content-type": "text/html" } },
      ),
  );
  await using browser = await openBrowser(NAMES);
  await using watched = await newPage(browser, {
    ...PLAIN,
    hosts: [`parley.test:${new URL(server.url).port}`],
  });
  const { page } = watched;
  await page.goto(`http://logs.test:${log.addr.port}/log.html`);
  await page.getByRole("link", { name: "Open" }).click();
  await page.waitForURL(/^http:\/\/parley\.test:\d+\/(#.*)?$/);
  assertEquals(await page.title(), "Playground · Parley");
  await page.reload();
  assertEquals(await page.title(), "Playground · Parley");
});

Deno.test("the locked page says how to get access, in small and large windows, light and dark", async () => {
  await using server = await startServer({
    env: { LAYERCODE_WEBHOOK_SECRET: "a secret for tests", PLAYGROUND: "on" },
  });
  await using browser = await openBrowser();
  for (const width of [320, 1280]) {
    for (const colorScheme of ["light", "dark"] as const) {
      await using watched = await newPage(browser, {
        mayLog: /status of 403/,
        colorScheme,
        viewport: { width, height: 600 },
      });
      const { page } = watched;
      for (const path of ["/", "/?token=wrong"]) {
        await page.goto(server.url + path);
        await page.getByRole("heading", { name: "needs its token" }).waitFor();
        assertEquals(await isTooWide(page), false, `${width}`);
        assertEquals(await findInaccessible(page), [], colorScheme);
      }
    }
  }
});

Deno.test("the playground says what to do if its token is from an earlier start", async () => {
  const PORT = await (async () => {
    await using first = await startServer({ env: { HOST: "0.0.0.0" } });
    return new URL(first.url).port;
  })();
  const env = { HOST: "0.0.0.0", LLM_PROVIDER: "echo", PORT };
  await using browser = await openBrowser(NAMES);
  await using watched = await newPage(browser, {
    mayLog: /Opener-Policy|status of 403/,
  });
  const { page } = watched;
  {
    await using server = await startServer({ env });
    await page.goto(server.page.replace("localhost", "parley.test"));
    await waitForEnd(page, 1);
  }
  await using _again = await startServer({ env });
  await typeWords(page, "Are you still there?");
  await page.getByText("Open the address that Parley printed").first()
    .waitFor();
});
