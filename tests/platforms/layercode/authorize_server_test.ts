/**
 * `/authorize` as browsers and strangers use it: the real server in a separate
 * process, requested over sockets, with a fake Layercode.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { askRaw, type RawResponse } from "../../_raw.ts";
import { startPlatform } from "../../fakes/layercode_platform.ts";
import { type RealServer, startServer } from "../../fakes/server.ts";

const KEY = "lc_key_of_the_owner";
const AGENT = "agent-1";
const SECRET = "whsec_0123456789abcdef";

function startFake() {
  return startPlatform({ key: KEY, agentId: AGENT, secret: SECRET });
}

function start(
  apiUrl: string,
  env: Record<string, string> = {},
  folder?: string,
): Promise<RealServer> {
  return startServer({
    env: {
      LAYERCODE_API_KEY: KEY,
      LAYERCODE_AGENT_ID: AGENT,
      LAYERCODE_API_URL: apiUrl,
      ...env,
    },
    ...folder === undefined ? {} : { folder },
  });
}

/** Asks for a session key, with these lines in the head. */
function ask(
  { url }: RealServer,
  head: string[] = [],
  body: Record<string, unknown> = {},
): Promise<RawResponse> {
  const { port, host } = new URL(url);
  const hasHost = head.some((line) => line.startsWith("host:"));
  return askRaw({
    port: Number(port),
    line: "POST /authorize",
    head: [
      ...hasHost ? [] : [`host: ${host}`],
      "content-type: application/json",
      ...head,
    ],
    body: JSON.stringify(body),
  });
}

/** Counts the responses by status. */
function count(responses: RawResponse[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of responses) {
    counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

Deno.test("POST /authorize gives 30 keys for 200 requests of one address, whatever headers they forge", async () => {
  await using platform = startFake();
  await using server = await start(platform.url);
  const responses = await Promise.all(
    Array.from(
      { length: 200 },
      (_, i) => ask(server, [`x-forwarded-for: 192.0.2.${i}`]),
    ),
  );
  assertEquals(count(responses), { 200: 30, 429: 170 });
  assertEquals(platform.authorized.length, 30);
  const refused = responses.find(({ status }) => status === 429);
  assertMatch(
    refused?.headers.get("retry-after") ?? "",
    /^([1-9]|[1-5]\d|60)$/,
  );
  assertEquals(JSON.parse(refused?.body ?? "").error.code, "rate_limited");
});

Deno.test("POST /authorize counts callers behind a trusted proxy separately, up to the total limit", async () => {
  await using platform = startFake();
  await using server = await start(platform.url, {
    TRUSTED_PROXIES: "127.0.0.0/8",
    AUTHORIZE_PER_ADDRESS: "1",
    AUTHORIZE_IN_ALL: "20",
  });
  const from = (i: number) =>
    ask(server, [`x-forwarded-for: 8.8.8.8, 192.0.2.${i}`]);
  const responses = await Promise.all(
    Array.from({ length: 40 }, (_, i) => from(i % 15)),
  );
  assertEquals(count(responses), { 200: 15, 429: 25 });
  const more = await Promise.all(
    Array.from({ length: 10 }, (_, i) => from(100 + i)),
  );
  assertEquals(count(more), { 200: 5, 429: 5 });
  assertEquals(platform.authorized.length, 20);
});

Deno.test("POST /authorize refuses an origin that a forged Host repeats, and takes this machine's and PUBLIC_URL's", async () => {
  await using platform = startFake();
  await using server = await start(platform.url, {
    PUBLIC_URL: "https://voice.example",
  });
  const { host, port } = new URL(server.url);
  const statusOf = async (...head: string[]) =>
    (await ask(server, head)).status;
  assertEquals(
    await statusOf("host: evil.example", "origin: http://evil.example"),
    403,
  );
  assertEquals(
    await statusOf(`host: ${host}`, "origin: http://evil.example"),
    403,
  );
  assertEquals(
    await statusOf(`host: ${host}`, `origin: http://${host}`, "via: proxy"),
    403,
  );
  assertEquals(platform.authorized, []);
  assertEquals(await statusOf(`origin: http://${host}`), 200);
  const name = `localhost:${port}`;
  assertEquals(await statusOf(`host: ${name}`, `origin: http://${name}`), 200);
  assertEquals(
    await statusOf("host: inside:3000", "origin: https://voice.example"),
    200,
  );
});

Deno.test("POST /authorize lets a page continue after a restart, and nobody who has only the id", async () => {
  await using platform = startFake();
  const folder = await Deno.makeTempDir();
  let told: { conversation_id: string; resume_token: string };
  {
    // The server makes the secret here, and stores it in the folder.
    await using server = await start(platform.url, {}, folder);
    const response = await ask(server, [], { metadata: { role: "admin" } });
    assertEquals(platform.authorized, [{ agent_id: AGENT }]);
    told = JSON.parse(response.body);
  }
  await using server = await start(platform.url, {}, folder);
  const { conversation_id, resume_token } = told;
  const byToken = await ask(server, [], { conversation_id, resume_token });
  const byId = await ask(server, [], { conversation_id });
  assertEquals([byToken, byId].map(({ status }) => status), [200, 403]);
  const resumed = { agent_id: AGENT, conversation_id };
  assertEquals(platform.authorized.slice(1), [resumed]);
  await server.stop("SIGTERM");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("POST /authorize names TRUSTED_PROXIES and PUBLIC_URL when they can't be used, before it starts", async () => {
  await using platform = startFake();
  const error = await start(platform.url, {
    TRUSTED_PROXIES: "proxy.internal",
    PUBLIC_URL: "voice.example",
  }).then(() => undefined, (error: Error) => error);
  assertMatch(error?.message ?? "", /PUBLIC_URL: must be an address such as/);
  assertMatch(error?.message ?? "", /TRUSTED_PROXIES: "proxy.internal" is nei/);
});
