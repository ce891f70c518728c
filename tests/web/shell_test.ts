import { assertEquals, assertStringIncludes } from "@std/assert";
import { UNKNOWN_SENDER } from "../../src/server/router.ts";
import { createShell, type PageOptions } from "../../src/web/shell.ts";
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

async function open(path: string, options: Partial<PageOptions> = {}) {
  const page = createShell(PLACES)({ title: "A page", ...options });
  return await page(new Request(`http://localhost${path}`), UNKNOWN_SENDER);
}

Deno.test("createShell() links to each page, and marks the current one", async () => {
  const linksAt = async (path: string) =>
    linksIn(await (await open(path)).text());
  assertEquals(await linksAt("/"), [
    '/ Playground aria-current="page"',
    "/voice Voice",
    "/sessions Conversations",
  ]);
  assertEquals(
    (await linksAt("/voice"))[1],
    '/voice Voice aria-current="page"',
  );
  assertEquals(
    (await linksAt("/sessions/conv_1"))[2],
    '/sessions Conversations aria-current="page"',
  );
});

Deno.test("createShell() forbids a page to load from other hosts, except those it names", async () => {
  const strict = await open("/");
  assertEquals(
    strict.headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; " +
      "img-src 'self' data:; connect-src 'self'; base-uri 'none'; " +
      "form-action 'none'; frame-ancestors 'none'",
  );
  const loaded = (await strict.text()).match(/(?:src|href)="https?:/g);
  assertEquals(loaded, null);
  const more = {
    scripts: ["blob:"],
    hosts: ["wss://a.test", "https://b.test"],
  };
  const policy = (await open("/", more)).headers
    .get("content-security-policy") ?? "";
  assertStringIncludes(policy, "; script-src 'self' blob:;");
  assertStringIncludes(
    policy,
    "; connect-src 'self' wss://a.test https://b.test;",
  );
});

Deno.test("createShell() passes any data to a script unchanged", async () => {
  const data = { text: `"quoted" & '<script>' &quot;` };
  const html = await (await open("/", { room: "voice", data })).text();
  const [, written = ""] = /data-page="([^"]*)"/.exec(html) ?? [];
  const read = written.replaceAll("&lt;", "<").replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
  assertEquals(JSON.parse(read), data);
  assertStringIncludes(html, 'src="/web/voice/page.js"');
});

Deno.test("main.ts links from each page to each enabled page", async () => {
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
