import { assertEquals, assertMatch } from "@std/assert";
import { type Handler, UNKNOWN_SENDER } from "../../../src/server/router.ts";
import type { Guard } from "../../../src/server/guard.ts";
import { createShell } from "../../../src/web/shell.ts";
import { createVoice, SDK } from "../../../src/web/voice/mod.ts";
import { startServer } from "../../fakes/server.ts";

/** A guard that allows everything; `tests/server/guard_test.ts` tests the real one. */
const OPEN: Guard = { page: (handler) => handler, route: (handler) => handler };

async function open(
  parts: { apiUrl?: string; guard?: Guard } = {},
): Promise<Response> {
  const routes = createVoice({
    agentId: "agent_1",
    apiUrl: "https://api.layercode.com",
    guard: OPEN,
    shell: createShell([]),
    ...parts,
  });
  const handler = routes["/voice"]?.GET as Handler;
  return await handler(new Request("http://parley.test/voice"), UNKNOWN_SENDER);
}

/** The data that the page's script gets. */
async function dataOf(response: Response): Promise<Record<string, unknown>> {
  const html = await response.text();
  const [, data = ""] = /data-page="([^"]*)"/.exec(html) ?? [];
  return JSON.parse(data.replaceAll("&quot;", '"'));
}

/** The sources that the page's policy allows, by directive. */
async function policyOf(response: Response): Promise<Map<string, string[]>> {
  await response.body?.cancel();
  const policy = response.headers.get("content-security-policy") ?? "";
  return new Map(
    policy.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources];
    }),
  );
}

const MODEL = "https://assets.layercode.com/vad-web/0.0.29/";
const RUNTIME = "https://assets.layercode.com/onnxruntime-web/1.23.2/";

Deno.test("createVoice() protects the page by the guard", async () => {
  const closed = () => () => new Response("closed", { status: 403 });
  assertEquals(
    (await open({ guard: { page: closed, route: closed } })).status,
    403,
  );
});

Deno.test("createVoice() pins the version of the SDK, and its hash", () => {
  assertMatch(SDK.url, /^https:.*@\d+\.\d+\.\d+\//);
  assertMatch(SDK.integrity, /^sha384-[\w+/]{64}$/);
});

Deno.test("createVoice() allows the page what the SDK needs, and no more", async () => {
  const policy = await policyOf(await open());
  assertEquals(policy.get("default-src"), ["'none'"]);
  assertEquals(policy.get("script-src"), [
    "'self'",
    SDK.url,
    "blob:",
    MODEL,
    RUNTIME,
    "'wasm-unsafe-eval'",
  ]);
  assertEquals(policy.get("connect-src"), [
    "'self'",
    "wss://api.layercode.com",
    MODEL,
    RUNTIME,
  ]);
  assertEquals(policy.get("style-src"), ["'self'"]);
});

Deno.test("createVoice() tells the page the agent and the address", async () => {
  assertEquals(await dataOf(await open()), {
    agentId: "agent_1",
    sdk: SDK,
    socket: "wss://api.layercode.com/v1/agents/web/websocket",
  });
});

/** `LAYERCODE_API_URL`, and the address of the WebSocket for it. */
const SOCKETS = [
  ["http://127.0.0.1:9000", "ws://127.0.0.1:9000/v1/agents/web/websocket"],
  [
    "https://proxy.example/layercode",
    "wss://proxy.example/layercode/v1/agents/web/websocket",
  ],
  [
    "https://me:hush@proxy.example/a;b",
    "wss://proxy.example/a;b/v1/agents/web/websocket",
  ],
  ["https://[::1]:8443", "wss://[::1]:8443/v1/agents/web/websocket"],
] as const;

for (const [apiUrl, socket] of SOCKETS) {
  Deno.test(`createVoice() derives ${socket} from ${apiUrl}`, async () => {
    assertEquals((await dataOf(await open({ apiUrl }))).socket, socket);
    const policy = await policyOf(await open({ apiUrl }));
    assertEquals(policy.get("connect-src")?.[1], new URL(socket).origin);
    assertEquals(policy.size, 8);
  });
}

Deno.test("main() has a voice page only if the key and the agent are set", async () => {
  const key = { LAYERCODE_API_KEY: "lc_key" };
  const agent = { LAYERCODE_AGENT_ID: "agent_1" };
  const cases: [Record<string, string>, number][] = [
    [{}, 404],
    [key, 404],
    [agent, 404],
    [{ ...key, ...agent }, 200],
  ];
  await Promise.all(cases.map(async ([env, status]) => {
    await using server = await startServer({ env });
    for (const path of ["/voice", "/voice/"]) {
      const response = await fetch(server.url + path);
      const text = await response.text();
      assertEquals(response.status, status, path);
      assertEquals(text.includes("lc_key"), false, path);
    }
  }));
});
