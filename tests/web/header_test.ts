import { assertEquals, assertStringIncludes } from "@std/assert";
import { createHeader } from "../../src/web/header.ts";
import { createPage } from "../../src/web/page.ts";
import { startServer } from "../fakes/server.ts";

const PLACES = [
  { href: "/", name: "Playground" },
  { href: "/voice", name: "Voice" },
  { href: "/sessions", name: "Conversations" },
];

function linksIn(html: string): string[] {
  return [...html.matchAll(/<a href="([^"]*)"([^>]*)>([^<]*)<\/a>/g)]
    .map(([, href, rest, name]) => `${href} ${name}${rest}`);
}

Deno.test("createHeader() links to each page, and marks where one is", () => {
  const header = createHeader(PLACES);
  const linksAt = (path: string) =>
    linksIn(header(new Request(`http://localhost${path}`)));
  assertEquals(linksAt("/"), [
    '/ Playground aria-current="page"',
    "/voice Voice",
    "/sessions Conversations",
  ]);
  assertEquals(linksAt("/voice")[1], '/voice Voice aria-current="page"');
  assertEquals(
    linksAt("/sessions/conv_1")[2],
    '/sessions Conversations aria-current="true"',
  );
});

Deno.test("createPage() writes the header where the file wants it", async () => {
  const page = createPage(
    new URL("../../src/web/playground/page.html", import.meta.url),
    { header: () => "<b>$& here</b>" },
  );
  const html = await (await page(new Request("http://localhost/"))).text();
  assertStringIncludes(html, "<b>$& here</b>");
  assertEquals(html.includes("<!-- brand"), false);
});

Deno.test("main.ts links from each page to each that is switched on", async () => {
  const ADMIN_TOKEN = "a token for tests only, long enough";
  const voice = { LAYERCODE_API_KEY: "key", LAYERCODE_AGENT_ID: "agent_1" };
  const all = ["/ Playground", "/voice Voice", "/sessions Conversations"];
  for (
    const [env, expected] of [
      [{}, all.slice(0, 1)],
      [{ ADMIN_TOKEN }, [all[0], all[2]]],
      [{ ADMIN_TOKEN, ...voice }, all],
      [{ ADMIN_TOKEN, ...voice, PLAYGROUND: "off" }, all.slice(1)],
    ] as const
  ) {
    await using server = await startServer({ env });
    for (const link of expected) {
      const [path] = link?.split(" ") ?? [];
      const response = await fetch(`${server.url}${path}`, {
        headers: { accept: "text/html" },
      });
      const links = linksIn(await response.text());
      assertEquals(
        links.map((link) => link.replace(/ aria-current.*/, "")),
        expected,
        path,
      );
      const here = links.filter((link) => link.includes("aria-current"));
      assertEquals(here, [`${link} aria-current="page"`]);
    }
  }
});
