import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createApp, createHome, type Handler } from "../../src/app.ts";
import { createHeader } from "../../src/header.ts";
import { createPlayground } from "../../src/playground/mod.ts";
import { createEcho } from "../../src/providers/echo.ts";
import { message, readEvents, spoken } from "../fakes/layercode.ts";
import { startServer } from "../fakes/server.ts";

const HERE = { address: "127.0.0.1" };
const ELSEWHERE = { address: "203.0.113.9" };
const BASE = "http://localhost:3000";

/** The app around a playground; its webhook says what it was sent. */
function createTestApp(isLocalOnly = false): Handler {
  const seen: Handler = async (request) =>
    Response.json({
      signature: request.headers.get("layercode-signature"),
      body: await request.text(),
    });
  const never: Handler = () => new Response("never");
  const playground = createPlayground({
    webhook: seen,
    secret: "a secret for tests only",
    isLocalOnly,
    secretPlace: { file: "./data/webhook-secret" },
    version: "1.2.3",
    provider: createEcho(),
    header: createHeader([]),
    otherwise: createHome("1.2.3"),
  });
  return createApp({
    webhook: seen,
    authorize: never,
    health: never,
    ready: never,
    home: playground.home,
    more: playground.routes,
    // deno-lint-ignore no-explicit-any -- nothing is logged
    log: {} as any,
    isDraining: () => false,
  });
}

function post(headers: Record<string, string> = {}, url = BASE): Request {
  return new Request(`${url}/playground/turn`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: '{"type":"message"}',
  });
}

/** All that belongs to the page. */
async function filesOf(): Promise<string[]> {
  const names: string[] = [];
  const folder = new URL("../../src/playground/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (/\.(js|css)$/.test(name)) names.push(name);
  }
  return names;
}

Deno.test("createPlayground() serves the page and each of its files, under a policy", async () => {
  const app = createTestApp();
  const paths = (await filesOf()).map((name) => `/playground/${name}`);
  for (const path of ["/", ...paths]) {
    const response = await app(new Request(BASE + path), HERE);
    assertEquals(response.status, 200, path);
    const policy = response.headers.get("content-security-policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'");
    assertStringIncludes(policy, "script-src 'self'");
    assert(!policy.includes("unsafe"), policy);
    await response.body?.cancel();
  }
});

Deno.test("createPlayground() has a page that names nothing of another host", async () => {
  const folder = new URL("../../src/playground/", import.meta.url);
  for (const name of ["page.html", ...await filesOf()]) {
    const text = await Deno.readTextFile(new URL(name, folder));
    const loaded = text.match(
      /(?:src|href|action)="(?:https?:)?\/\/[^"]*"|\burl\([^)]*\)|@import/g,
    );
    assertEquals(loaded, null, name);
  }
});

Deno.test("createPlayground() signs a turn and passes it to the webhook", async () => {
  const response = await createTestApp()(post(), HERE);
  const { signature, body } = await response.json();
  assert(/^t=\d+,v1=[0-9a-f]{64}$/.test(signature), signature);
  assertEquals(body, '{"type":"message"}');
});

Deno.test("createPlayground() tells where the secret is, and not what", async () => {
  const response = await createTestApp()(
    new Request(`${BASE}/playground/info`),
    HERE,
  );
  const text = await response.text();
  assertEquals(text.includes("a secret for tests only"), false);
  assertEquals(JSON.parse(text), {
    version: "1.2.3",
    provider: "echo",
    model: "echo",
    secret: { file: "./data/webhook-secret" },
  });
});

Deno.test("createPlayground() is not there for whom it is not for", async () => {
  const strangers: [why: string, request: (path: string) => Request][] = [
    [
      "a tunnel",
      (path) =>
        new Request(BASE + path, {
          headers: { "cf-connecting-ip": "1.2.3.4" },
        }),
    ],
    [
      "a proxy",
      (path) =>
        new Request(BASE + path, {
          headers: { "x-forwarded-for": "127.0.0.1" },
        }),
    ],
    ["a rebound name", (path) => new Request(`http://example.com${path}`)],
  ];
  const app = createTestApp();
  const files = (await filesOf()).map((name) => `/playground/${name}`);
  for (const [why, request] of strangers) {
    const home = await app(request("/"), HERE);
    assertEquals((await home.json()).name, "parley", why);
    for (const path of ["/playground/info", ...files]) {
      const response = await app(request(path), HERE);
      assertEquals(response.status, 404, `${why}: ${path}`);
      await response.body?.cancel();
    }
  }
  for (
    const request of [
      post({ "x-forwarded-for": "127.0.0.1" }),
      post({ "cf-connecting-ip": "127.0.0.1" }),
      post({ origin: "https://example.com" }),
      post({ "sec-fetch-site": "cross-site" }),
      post({}, "http://example.com"),
    ]
  ) {
    const response = await app(request, HERE);
    assertEquals(response.status, 404);
    assertEquals((await response.json()).error.code, "not_found");
  }
});

Deno.test("createPlayground() is for this machine alone beside a secret of the owner's", async () => {
  const app = createTestApp(true);
  for (
    const [sender, status] of [[HERE, 200], [ELSEWHERE, 404], [
      undefined,
      404,
    ]] as const
  ) {
    const response = await app(post(), sender);
    assertEquals(response.status, status);
    await response.body?.cancel();
  }
  const home = await app(new Request(BASE), ELSEWHERE);
  assertEquals((await home.json()).name, "parley");
});

Deno.test("main.ts has a playground that answers without a signature, for browsers of this machine", async () => {
  await using server = await startServer();
  const send = (headers: Record<string, string>) =>
    fetch(`${server.url}/playground/turn`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(message("Good morning")),
    });
  const response = await send({ origin: server.url });
  const events = await readEvents(response);
  assertStringIncludes(spoken(events), "Good morning");
  assertEquals(events.at(-2)?.type, "parley.turn");
  assertEquals(events.at(-1)?.type, "response.end");
  for (
    const headers of [
      { origin: "https://example.com" },
      { "x-forwarded-for": "127.0.0.1" },
      { "cf-connecting-ip": "127.0.0.1" },
    ]
  ) {
    const refused = await send(headers as Record<string, string>);
    assertEquals(refused.status, 404);
    await refused.body?.cancel();
  }
});

Deno.test("main.ts has no playground beside a secret of the owner's, unless told", async () => {
  for (
    const [PLAYGROUND, type] of [["", "application/json"], [
      "on",
      "text/html; charset=utf-8",
    ]] as const
  ) {
    const env = { LAYERCODE_WEBHOOK_SECRET: "a secret for tests only" };
    await using server = await startServer({ env: { ...env, PLAYGROUND } });
    const home = await fetch(server.url);
    assertEquals(home.headers.get("content-type"), type);
    await home.body?.cancel();
  }
});
