import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type App,
  createApp,
  type Handler,
} from "../../../src/server/router.ts";
import type { Guard } from "../../../src/server/guard.ts";
import { createShell } from "../../../src/web/shell.ts";
import { createPlayground } from "../../../src/web/playground/mod.ts";
import { createEcho } from "../../../src/providers/echo.ts";
import { message, readEvents, spoken } from "../../fakes/layercode.ts";
import { startServer } from "../../fakes/server.ts";

/** A guard that allows everything; `tests/server/guard_test.ts` tests the real one. */
const OPEN: Guard = { page: (handler) => handler, route: (handler) => handler };
const BASE = "http://localhost:3000";

/** An app with a playground, whose webhook returns the request that it received. */
function createTestApp(guard = OPEN): App {
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
    provider: createEcho(),
    shell: createShell([]),
    otherwise: never,
  });
  return createApp({
    routes: playground,
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

Deno.test("createPlayground() protects the page and its turns by the guard", async () => {
  const closed = () => () => new Response("closed", { status: 403 });
  const app = createTestApp({ page: closed, route: closed });
  assertEquals((await app(new Request(`${BASE}/`))).status, 403);
  assertEquals((await app(post())).status, 403);
});

Deno.test("createPlayground() signs a turn and passes it to the webhook", async () => {
  const response = await createTestApp()(post());
  const { signature, body } = await response.json();
  assert(/^t=\d+,v1=[0-9a-f]{64}$/.test(signature), signature);
  assertEquals(body, '{"type":"message"}');
});

Deno.test("createPlayground() tells the page the provider, but not the secret", async () => {
  const response = await createTestApp()(new Request(BASE));
  const html = await response.text();
  assertEquals(html.includes("a secret for tests only"), false);
  const [, data = ""] = /data-page="([^"]*)"/.exec(html) ?? [];
  assertEquals(JSON.parse(data.replaceAll("&quot;", '"')), {
    provider: "echo",
  });
});

Deno.test("main.ts serves browsers on this machine a playground that needs no signature", async () => {
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

Deno.test("main.ts has no playground beside a webhook secret unless PLAYGROUND is on", async () => {
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
  }
});
