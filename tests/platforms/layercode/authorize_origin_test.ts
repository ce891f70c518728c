import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { HttpError } from "../../../src/server/http.ts";
import { ask, SESSION, test } from "./_authorize.ts";

/** An address that is not a known proxy. */
const STRANGER = "203.0.113.9";

interface OriginCase {
  what: string;
  origin?: string;
  allowed?: string[];
  publicUrl?: string;
  /** The address of the client. Default: an unknown one. */
  address?: string;
  headers?: Record<string, string>;
  /** What `access-control-allow-origin` says; absent: no such header. */
  says?: string;
}

const LET_IN: OriginCase[] = [
  { what: "no origin" },
  {
    what: "no origin, on the same origin",
    headers: { "sec-fetch-site": "same-origin" },
  },
  {
    what: "the origin of PUBLIC_URL, whatever the host is called here",
    origin: "https://voice.example",
    publicUrl: "https://voice.example/below",
    headers: { host: "10.0.0.5:3000" },
    says: "https://voice.example",
  },
  {
    what: "our own page on this machine",
    origin: "http://localhost:3000",
    headers: { host: "localhost:3000" },
    address: "127.0.0.1",
    says: "http://localhost:3000",
  },
  {
    what: "our own page on this machine by IPv6",
    origin: "http://[::1]:3000",
    headers: { host: "[::1]:3000" },
    address: "::1",
    says: "http://[::1]:3000",
  },
  {
    what: "a listed app",
    origin: "capacitor://localhost",
    allowed: ["capacitor://localhost"],
    says: "capacitor://localhost",
  },
  {
    what: "a listed origin",
    origin: "https://app.example",
    allowed: ["https://other.example", "https://app.example"],
    says: "https://app.example",
  },
  {
    what: "any origin where all are allowed",
    origin: "https://foreign.example",
    allowed: ["*"],
    says: "*",
  },
  {
    what: "a sandboxed page where all are allowed",
    origin: "null",
    allowed: ["*"],
    says: "*",
  },
];

for (const { what, origin, says, address = STRANGER, ...rest } of LET_IN) {
  const { allowed, publicUrl, headers } = rest;
  const parts = { allowedOrigins: allowed ?? [], publicUrl };
  const sent = { ...(origin ? { origin } : {}), ...headers };

  test(`allows ${what}`, async (fixture) => {
    const endpoint = fixture.endpoint(parts);
    const response = await endpoint(ask({ agent_id: "a" }, sent), { address });
    assertEquals(response.status, 200);
    assertObjectMatch(await response.json(), SESSION);
    const allow = response.headers.get("access-control-allow-origin");
    assertEquals(allow, says ?? null);
    assertEquals(response.headers.has("vary"), says !== undefined);
    assertEquals(
      response.headers.get("access-control-allow-credentials"),
      null,
    );
  });
}

const FOREIGN: OriginCase[] = [
  { what: "a foreign origin", origin: "https://foreign.example" },
  {
    what: "a foreign origin though others are listed",
    origin: "https://foreign.example",
    allowed: ["https://app.example"],
  },
  {
    what: "a listed host with another scheme",
    origin: "http://app.example",
    allowed: ["https://app.example"],
  },
  {
    what: "a listed host with another port",
    origin: "https://app.example:8443",
    allowed: ["https://app.example"],
  },
  {
    what: "a host that begins like a listed one",
    origin: "https://app.example.evil.example",
    allowed: ["https://app.example"],
  },
  {
    what: "a host below a listed one",
    origin: "https://sub.app.example",
    allowed: ["https://app.example"],
  },
  {
    what: "an origin that only the Host header says is ours",
    origin: "http://parley.test",
  },
  {
    what: "a name that was pointed at this machine",
    origin: "http://parley.test",
    address: "127.0.0.1",
  },
  {
    what: "a stranger who names this machine",
    origin: "http://localhost:3000",
    headers: { host: "localhost:3000" },
  },
  {
    what: "a stranger who names this machine through a proxy on it",
    origin: "http://localhost:3000",
    headers: { "host": "localhost:3000", "x-forwarded-for": STRANGER },
    address: "127.0.0.1",
  },
  {
    what: "a page of another port of this machine",
    origin: "http://localhost:8080",
    headers: { host: "localhost:3000" },
    address: "127.0.0.1",
  },
  {
    what: "PUBLIC_URL's host with another scheme",
    origin: "http://voice.example",
    publicUrl: "https://voice.example",
  },
  {
    what: "PUBLIC_URL's host with another port",
    origin: "https://voice.example:81",
    publicUrl: "https://voice.example",
  },
  {
    what: "a host below PUBLIC_URL's",
    origin: "https://evil.voice.example",
    publicUrl: "https://voice.example",
  },
  {
    what: "PUBLIC_URL's host as a user name",
    origin: "https://voice.example@evil.example",
    publicUrl: "https://voice.example",
  },
  { what: "a sandboxed page", origin: "null" },
  { what: "an origin that is no address", origin: "parley.test" },
];

for (const { what, origin, address = STRANGER, ...rest } of FOREIGN) {
  const { allowed, publicUrl, headers } = rest;
  const parts = { allowedOrigins: allowed ?? [], publicUrl };
  const sent = { ...(origin ? { origin } : {}), ...headers };

  test(`refuses ${what}`, async (fixture) => {
    const endpoint = fixture.endpoint(parts);
    const error = await assertRejects(
      () => endpoint(ask({ agent_id: "a" }, sent), { address }),
      HttpError,
    );
    assertEquals(error.status, 403);
    assertEquals(error.code, "origin_not_allowed");
    assertStringIncludes(error.message, origin ?? "null");
    assertStringIncludes(error.message, "ALLOWED_ORIGINS");
    assertStringIncludes(error.message, "PUBLIC_URL");
    assertStringIncludes(error.message, "opened from a file");
    assertEquals(fixture.asked, []);
  });
}

function preflight(origin: string): Request {
  return new Request("http://parley.test/authorize", {
    method: "OPTIONS",
    headers: {
      "host": "parley.test",
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    },
  });
}

test("answers the preflight of a listed origin", async (fixture) => {
  const endpoint = fixture.endpoint({
    allowedOrigins: ["https://app.example"],
  });
  const response = await endpoint(preflight("https://app.example"));
  assertEquals(response.status, 204);
  assertEquals(response.body, null);
  const { headers } = response;
  assertEquals(
    headers.get("access-control-allow-origin"),
    "https://app.example",
  );
  assertMatch(headers.get("access-control-allow-methods") ?? "", /\bPOST\b/);
  assertMatch(
    headers.get("access-control-allow-headers") ?? "",
    /\bcontent-type\b/i,
  );
  assertMatch(headers.get("vary") ?? "", /\borigin\b/i);
  assertEquals(fixture.asked, []);
});

test("answers a preflight though the key is not set", async (fixture) => {
  const endpoint = fixture.endpoint({
    hasKey: false,
    allowedOrigins: ["*"],
  });
  const response = await endpoint(preflight("https://app.example"));
  assertEquals(response.status, 204);
});

test("refuses the preflight of a foreign origin", async (fixture) => {
  const error = await assertRejects(
    async () => await fixture.endpoint()(preflight("https://foreign.example")),
    HttpError,
  );
  assertEquals(error.status, 403);
});

for (
  const [what, status, request] of [
    ["refuses the body", 400, { agent_id: 1 }],
    ["refuses the agent", 403, { agent_id: "agent_other" }],
    ["was refused itself", 402, { agent_id: "agent_own" }],
  ] as const
) {
  test(
    `lets a listed page read the error when it ${what}`,
    async (fixture) => {
      const endpoint = fixture.endpoint({
        agentId: "agent_own",
        allowedOrigins: ["https://app.example"],
      });
      const origin = "https://app.example";
      const response = await endpoint(ask(request, { origin }));
      assertEquals(response.status, status);
      const allow = response.headers.get("access-control-allow-origin");
      assertEquals(allow, origin);
      assertMatch(response.headers.get("vary") ?? "", /\borigin\b/i);
      await response.body?.cancel();
    },
    () => Response.json({ error: "Insufficient balance" }, { status: 402 }),
  );
}
