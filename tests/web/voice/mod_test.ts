import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Handler } from "../../../src/server/router.ts";
import type { Guard } from "../../../src/server/guard.ts";
import { createHeader } from "../../../src/web/header.ts";
import { createLog } from "../../../src/server/log.ts";
import { createVoice, type VoiceParts } from "../../../src/web/voice/mod.ts";
import { startServer } from "../../fakes/server.ts";

const log = createLog({ level: "error", format: "json", write() {} });

/** Lets everybody in; `tests/server/guard_test.ts` is about the others. */
const OPEN: Guard = { page: (handler) => handler, part: (handler) => handler };

function voice(parts: Partial<VoiceParts> = {}) {
  const routes = createVoice({
    agentId: "agent_1",
    apiUrl: "https://api.layercode.com",
    registry: "http://127.0.0.1:9",
    version: "1.2.3",
    guard: OPEN,
    header: createHeader([]),
    log,
    ...parts,
  });
  return async (path: string): Promise<Response> => {
    const handler = routes[path]?.GET as Handler;
    return await handler(new Request(`http://parley.test${path}`));
  };
}

/** The sources that a page's policy allows, by directive. */
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

Deno.test("createVoice() serves all that the page asks for", async () => {
  const get = voice();
  const page = await (await get("/voice")).text();
  const paths = [...page.matchAll(/(?:href|src)="(\/voice\/[^"]+)"/g)]
    .map(([, path]) => path ?? "");
  assertEquals(paths, ["/voice/voice.css", "/voice/voice.js"]);
  const script = await (await get("/voice/voice.js")).text();
  for (const [, name] of script.matchAll(/from "\.\/([^"]+)"/g)) {
    paths.push(`/voice/${name}`);
  }
  for (const path of paths) {
    const response = await get(path);
    assertEquals(response.status, 200, path);
    assertMatch(response.headers.get("content-type") ?? "", /^text\//);
    assert((await response.text()).length > 0, path);
  }
});

Deno.test("createVoice() keeps the page and all that it asks for behind the guard", async () => {
  const closed = () => () => new Response("closed", { status: 403 });
  const get = voice({ guard: { page: closed, part: closed } });
  const names = ["voice.css", "voice.js", "transcript.js", "trouble.js"];
  for (const name of ["", "/info", "/sdk.js", ...names.map((n) => `/${n}`)]) {
    assertEquals((await get(`/voice${name}`)).status, 403, name);
  }
});

Deno.test("createVoice() lets the page do what the SDK must, and no more", async () => {
  const policy = await policyOf(await voice()("/voice"));
  assertEquals(policy.get("default-src"), ["'none'"]);
  assertEquals(policy.get("script-src"), [
    "'self'",
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

Deno.test("createVoice() tells the page who to talk to", async () => {
  const response = await voice()("/voice/info");
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(await response.json(), {
    version: "1.2.3",
    sdkVersion: "2.8.10",
    agentId: "agent_1",
  });
});

/** `LAYERCODE_API_URL`, and the socket that goes with it. */
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
  Deno.test(`createVoice() sends the SDK from ${apiUrl} to ${socket}`, async () => {
    const get = voice({ apiUrl });
    const info = await get("/voice/info");
    assertEquals((await info.json()).websocketUrl, socket);
    const policy = await policyOf(await get("/voice"));
    assertEquals(policy.get("connect-src")?.[1], new URL(socket).origin);
    assertEquals(policy.size, 8);
  });
}

Deno.test("main() has a voice page only where the key and the agent are set", async () => {
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
    for (
      const path of ["/voice", "/voice/", "/voice/voice.js", "/voice/info"]
    ) {
      const response = await fetch(server.url + path);
      const text = await response.text();
      assertEquals(response.status, status, path);
      assertEquals(text.includes("lc_key"), false, path);
    }
  }));
});
