import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ask, errorOf, type Fixture, test } from "./_authorize.ts";

type Endpoint = ReturnType<Fixture["endpoint"]>;

/** Asks for a session key from an address. */
async function askFrom(
  endpoint: Endpoint,
  address: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const response = await endpoint(ask({ agent_id: "a" }, headers), { address });
  await response.body?.cancel();
  return response.status;
}

test("limits the keys of an address in a minute", async (fixture) => {
  const endpoint = fixture.endpoint({ perAddress: 3 });
  const asked = [];
  for (let i = 0; i < 5; i++) asked.push(await askFrom(endpoint, "192.0.2.1"));
  assertEquals(asked, [200, 200, 200, 429, 429]);
  assertEquals(fixture.asked.length, 3);
  assertEquals(await askFrom(endpoint, "192.0.2.2"), 200);
  fixture.now += 60_000;
  assertEquals(await askFrom(endpoint, "192.0.2.1"), 200);
});

test("says when an address over its limit may retry, and lets a page read that", async (fixture) => {
  const allowedOrigins = ["https://app.example"];
  const endpoint = fixture.endpoint({ perAddress: 1, allowedOrigins });
  const address = "192.0.2.1";
  await askFrom(endpoint, address);
  fixture.now += 12_000;
  const headers = { origin: "https://app.example" };
  const response = await endpoint(ask({}, headers), { address });
  assertEquals(response.status, 429);
  assertEquals(response.headers.get("retry-after"), "48");
  assertEquals(
    response.headers.get("access-control-allow-origin"),
    "https://app.example",
  );
  const { code, message } = await errorOf(response);
  assertEquals(code, "rate_limited");
  assertMatch(message, /ask again in 48 s/);
});

test("counts what is refused for its body, so that the owner's handler can't be tried without end", async (fixture) => {
  const endpoint = fixture.endpoint({
    perAddress: 2,
    authorize: () => ({ allow: false, reason: "No" }),
  });
  const asked = [];
  for (let i = 0; i < 3; i++) asked.push(await askFrom(endpoint, "192.0.2.1"));
  assertEquals(asked, [403, 403, 429]);
});

test("counts all addresses of an IPv6 network as one", async (fixture) => {
  const endpoint = fixture.endpoint({ perAddress: 1 });
  assertEquals(await askFrom(endpoint, "2001:db8::1"), 200);
  assertEquals(await askFrom(endpoint, "2001:db8::1:2:3:4"), 429);
  assertEquals(await askFrom(endpoint, "2001:db8:0:1::1"), 200);
});

test("limits the keys of all addresses in a minute", async (fixture) => {
  const endpoint = fixture.endpoint({ perAddress: 2, inAll: 3 });
  const asked = [];
  for (const end of [1, 1, 1, 2, 3]) {
    asked.push(await askFrom(endpoint, `192.0.2.${end}`));
  }
  // Refused requests of one address don't count in the total limit.
  assertEquals(asked, [200, 200, 429, 200, 429]);
  assertEquals(fixture.asked.length, 3);
  fixture.now += 60_000;
  assertEquals(await askFrom(endpoint, "192.0.2.4"), 200);
});

test("doesn't count refused requests in the total limit", async (fixture) => {
  const endpoint = fixture.endpoint({ agentId: "own", inAll: 1 });
  assertEquals(await askFrom(endpoint, "192.0.2.1"), 403);
  const response = await endpoint(ask({}), { address: "192.0.2.1" });
  assertEquals(response.status, 200);
  await response.body?.cancel();
});

test("trusts forwarded addresses only from trusted proxies", async (fixture) => {
  const endpoint = fixture.endpoint({
    perAddress: 1,
    trustedProxies: ["10.0.0.0/8"],
  });
  const from = (peer: string, client: string) =>
    askFrom(endpoint, peer, { "x-forwarded-for": client });
  assertEquals(await from("203.0.113.9", "192.0.2.1"), 200);
  assertEquals(await from("203.0.113.9", "192.0.2.2"), 429);
  assertEquals(await from("10.0.0.1", "192.0.2.3"), 200);
  assertEquals(await from("10.0.0.1", "192.0.2.4"), 200);
  // A client may begin the header as it likes.
  assertEquals(await from("10.0.0.1", "1.1.1.1, 192.0.2.4"), 429);
});

test("logs a reached limit in at most ten lines a minute, and names the setting", async (fixture) => {
  const endpoint = fixture.endpoint({ perAddress: 1 });
  for (let i = 0; i < 50; i++) {
    await askFrom(endpoint, "203.0.113.9", { "x-forwarded-for": "192.0.2.1" });
  }
  const lines = fixture.logged.map((line) => JSON.parse(line));
  assertEquals(lines.length, 10);
  const { level, event, setting, address, fix } = lines[0];
  assertEquals([level, event], ["warn", "authorize.limited"]);
  assertEquals(setting, "AUTHORIZE_PER_ADDRESS");
  assertEquals(address, "203.0.113.9");
  assertStringIncludes(fix, "TRUSTED_PROXIES");
});

test("logs the total limit as another event", async (fixture) => {
  const endpoint = fixture.endpoint({ inAll: 1 });
  await askFrom(endpoint, "192.0.2.1");
  await askFrom(endpoint, "192.0.2.1");
  const { event, setting } = JSON.parse(fixture.logged[0] ?? "");
  assertEquals([event, setting], [
    "authorize.limited_in_all",
    "AUTHORIZE_IN_ALL",
  ]);
});
