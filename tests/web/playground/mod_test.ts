import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createApp, type Handler } from "../../../src/server/router.ts";
import type { Guard } from "../../../src/server/guard.ts";
import { createHeader } from "../../../src/web/header.ts";
import { createPlayground } from "../../../src/web/playground/mod.ts";
import { createEcho } from "../../../src/providers/echo.ts";
import { message, readEvents, spoken } from "../../fakes/layercode.ts";
import { startServer } from "../../fakes/server.ts";

/** Lets everybody in; `tests/server/guard_test.ts` is about the others. */
const OPEN: Guard = { page: (handler) => handler, part: (handler) => handler };
const BASE = "http://localhost:3000";

/** The app around a playground; its webhook says what it was sent. */
function createTestApp(guard = OPEN): Handler {
  const seen: Handler = async (request) =>
    Response.json({
      signature: request.headers.get("layercode-signature"),
      body: await request.text(),
    });
  const never: Handler = () => new Response("never");
  const playground = createPlayground({
    webhook: seen,
    secret: "a secret for tests only",
    guard,
    secretPlace: { file: "./data/webhook-secret" },
    version: "1.2.3",
    provider: createEcho(),
    header: createHeader([]),
    otherwise: never,
  });
  return createApp({
    routes: { ...playground.routes, "/": { GET: playground.home } },
    // deno-lint-ignore no-explicit-any -- nothing is logged
    log: {} as any,
    isDraining: () => false,
  });
}

function post(): Request {
  return new Request(`${BASE}/playground/turn`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"type":"message"}',
  });
}

/** All that belongs to the page. */
async function filesOf(): Promise<string[]> {
  const names: string[] = [];
  const folder = new URL("../../../src/web/playground/", import.meta.url);
  for await (const { name } of Deno.readDir(folder)) {
    if (/\.(js|css)$/.test(name)) names.push(name);
  }
  return names;
}

Deno.test("createPlayground() serves the page and each of its files, under a policy", async () => {
  const app = createTestApp();
  const paths = (await filesOf()).map((name) => `/playground/${name}`);
  for (const path of ["/", ...paths]) {
    const response = await app(new Request(BASE + path));
    assertEquals(response.status, 200, path);
    const policy = response.headers.get("content-security-policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'");
    assertStringIncludes(policy, "script-src 'self'");
    assert(!policy.includes("unsafe"), policy);
    await response.body?.cancel();
  }
});

Deno.test("createPlayground() keeps the page and all that it asks for behind the guard", async () => {
  const closed = () => () => new Response("closed", { status: 403 });
  const app = createTestApp({ page: closed, part: closed });
  const files = (await filesOf()).map((name) => `/playground/${name}`);
  for (const path of ["/", "/playground/info", ...files]) {
    const response = await app(new Request(BASE + path));
    assertEquals(response.status, 403, path);
  }
  assertEquals((await app(post())).status, 403);
});

Deno.test("createPlayground() has a page that names nothing of another host", async () => {
  const folder = new URL("../../../src/web/playground/", import.meta.url);
  for (const name of ["page.html", ...await filesOf()]) {
    const text = await Deno.readTextFile(new URL(name, folder));
    const loaded = text.match(
      /(?:src|href|action)="(?:https?:)?\/\/[^"]*"|\burl\([^)]*\)|@import/g,
    );
    assertEquals(loaded, null, name);
  }
});

Deno.test("createPlayground() signs a turn and passes it to the webhook", async () => {
  const response = await createTestApp()(post());
  const { signature, body } = await response.json();
  assert(/^t=\d+,v1=[0-9a-f]{64}$/.test(signature), signature);
  assertEquals(body, '{"type":"message"}');
});

Deno.test("createPlayground() tells where the secret is, and not what", async () => {
  const response = await createTestApp()(
    new Request(`${BASE}/playground/info`),
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
});

Deno.test("main.ts has no playground beside a secret of the owner's, unless told", async () => {
  for (const PLAYGROUND of ["", "on"]) {
    const env = { LAYERCODE_WEBHOOK_SECRET: "a secret for tests only" };
    await using server = await startServer({ env: { ...env, PLAYGROUND } });
    const headers = { accept: "text/html" };
    const home = await fetch(server.url, { headers });
    const isThere = PLAYGROUND === "on";
    assertEquals(home.status, isThere ? 403 : 200);
    assertEquals(server.page.includes("?token="), isThere);
    const text = await home.text();
    assertEquals(text.startsWith("{"), !isThere);
    const part = await fetch(`${server.url}/playground/page.js`);
    assertEquals(part.status, isThere ? 403 : 404);
    await part.body?.cancel();
  }
});
