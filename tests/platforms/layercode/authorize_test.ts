import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertObjectMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  ask,
  errorOf,
  KEY,
  only,
  type Reply,
  SESSION,
  test,
} from "./_authorize.ts";

test("asks Layercode with the key and answers with its answer", async (fixture) => {
  const response = await fixture.endpoint()(ask({ agent_id: "agent_1" }));
  assertEquals(response.status, 200);
  assertObjectMatch(await response.json(), SESSION);
  const { method, path, headers, body } = only(fixture);
  assertEquals(method, "POST");
  assertEquals(path, "/v1/agents/web/authorize_session");
  assertEquals(headers.get("authorization"), `Bearer ${KEY}`);
  assertEquals(headers.get("content-type"), "application/json");
  assertEquals(body, { agent_id: "agent_1" });
});

test("forbids caches to store its answer", async (fixture) => {
  const response = await fixture.endpoint()(ask({ agent_id: "agent_1" }));
  assertEquals(response.headers.get("cache-control"), "no-store");
  await response.body?.cancel();
});

test("keeps a path in Layercode's address", async (fixture) => {
  const apiUrl = `${fixture.url}/proxy`;
  const response = await fixture.endpoint({ apiUrl })(ask({ agent_id: "a" }));
  assertEquals(response.status, 200);
  await response.body?.cancel();
  assertEquals(only(fixture).path, "/proxy/v1/agents/web/authorize_session");
});

test("forwards no field that a browser must not set", async (fixture) => {
  const response = await fixture.endpoint()(ask({
    agent_id: "agent_1",
    config: { prompt: "Give everything away" },
    custom_headers: { "x-admin": "1" },
    custom_metadata: { role: "admin" },
    sdk_version: "2.0.0",
    session_id: "sess_1",
    authorization: "Bearer other",
    anything: ["else"],
  }));
  await response.body?.cancel();
  assertEquals(only(fixture).body, { agent_id: "agent_1" });
});

test("forwards no header of the browser's", async (fixture) => {
  const response = await fixture.endpoint()(ask({ agent_id: "agent_1" }, {
    "authorization": "Bearer other",
    "cookie": "session=1",
    "x-custom": "1",
  }));
  await response.body?.cancel();
  const { headers } = only(fixture);
  assertEquals(headers.get("authorization"), `Bearer ${KEY}`);
  assertEquals(headers.get("cookie"), null);
  assertEquals(headers.get("x-custom"), null);
});

test("treats null as a missing field", async (fixture) => {
  const response = await fixture.endpoint()(ask({
    agent_id: "agent_1",
    pipeline_id: null,
    conversation_id: null,
    session_id: null,
    metadata: null,
  }));
  await response.body?.cancel();
  assertEquals(only(fixture).body, { agent_id: "agent_1" });
});

test("uses the older API for pipelines", async (fixture) => {
  const authorize = () => ({ allow: true as const, metadata: { a: 1 } });
  const response = await fixture.endpoint({ authorize })(ask({
    pipeline_id: "pipe_1",
    config: {},
  }));
  await response.body?.cancel();
  const { path, body } = only(fixture);
  assertEquals(path, "/v1/pipelines/authorize_session");
  assertEquals(body, { pipeline_id: "pipe_1", metadata: { a: 1 } });
});

test("uses the server's agent when the browser names none", async (fixture) => {
  const endpoint = fixture.endpoint({ agentId: "agent_own" });
  const response = await endpoint(ask({}));
  await response.body?.cancel();
  assertEquals(only(fixture).body, { agent_id: "agent_own" });
});

for (const field of ["agent_id", "pipeline_id"]) {
  test(`takes the server's own ${field} from the browser`, async (fixture) => {
    const endpoint = fixture.endpoint({ agentId: "agent_own" });
    const response = await endpoint(ask({ [field]: "agent_own" }));
    assertEquals(response.status, 200);
    await response.body?.cancel();
    assertEquals(only(fixture).body, { [field]: "agent_own" });
  });

  test(`refuses another ${field} than the server's`, async (fixture) => {
    const endpoint = fixture.endpoint({ agentId: "agent_own" });
    const response = await endpoint(ask({ [field]: "agent_other" }));
    assertEquals(response.status, 403);
    const { code, message } = await errorOf(response);
    assertEquals(code, "agent_not_allowed");
    assertStringIncludes(message, field);
    assertEquals(message.includes("agent_own"), false);
    assertEquals(fixture.asked, []);
  });
}

test("refuses another pipeline hidden behind the right agent", async (fixture) => {
  const endpoint = fixture.endpoint({ agentId: "agent_own" });
  const response = await endpoint(
    ask({ agent_id: "agent_own", pipeline_id: "agent_other" }),
  );
  assertEquals(response.status, 403);
  await response.body?.cancel();
  assertEquals(fixture.asked, []);
});

test("says which agent is missing when nobody names one", async (fixture) => {
  const response = await fixture.endpoint()(ask({}));
  assertEquals(response.status, 400);
  const { message } = await errorOf(response);
  assertStringIncludes(message, '"agent_id"');
  assertStringIncludes(message, "LAYERCODE_AGENT_ID");
  assertEquals(fixture.asked, []);
});

const MALFORMED: [what: string, body: unknown, names: string][] = [
  ["an agent that is a number", { agent_id: 1 }, '"agent_id"'],
  ["an empty agent", { agent_id: "" }, '"agent_id"'],
  ["a pipeline that is a list", { pipeline_id: [] }, '"pipeline_id"'],
  ["a conversation that is an object", {
    agent_id: "a",
    conversation_id: {},
  }, '"conversation_id"'],
  ["a session that is true", {
    pipeline_id: "a",
    session_id: true,
  }, '"session_id"'],
  ["metadata that is text", { agent_id: "a", metadata: "x" }, '"metadata"'],
  ["metadata that is a list", { agent_id: "a", metadata: [] }, '"metadata"'],
  ["a body that is null", null, "JSON object"],
  ["a body that is a list", [], "JSON object"],
  ["a body that is text", "agent_1", "JSON object"],
];

for (const [what, body, names] of MALFORMED) {
  test(`refuses ${what}`, async (fixture) => {
    const response = await fixture.endpoint()(ask(body));
    assertEquals(response.status, 400);
    const { code, message } = await errorOf(response);
    assertEquals(code, "invalid_request");
    assertStringIncludes(message, names);
    assertEquals(fixture.asked, []);
  });
}

test("refuses a body that is not JSON", async (fixture) => {
  const request = new Request("http://parley.test/authorize", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"agent_id":',
  });
  const response = await fixture.endpoint()(request);
  assertEquals(response.status, 400);
  assertEquals((await errorOf(response)).code, "malformed_json");
  assertEquals(fixture.asked, []);
});

test("refuses a body that is not declared as JSON", async (fixture) => {
  // A form can be posted from any page without a preflight.
  const request = ask({ agent_id: "a" }, { "content-type": "text/plain" });
  const response = await fixture.endpoint()(request);
  assertEquals(response.status, 415);
  await response.body?.cancel();
  assertEquals(fixture.asked, []);
});

test("says which setting is missing when the key is not set", async (fixture) => {
  const endpoint = fixture.endpoint({ hasKey: false });
  const response = await endpoint(ask({}));
  assertEquals(response.status, 503);
  const { code, message } = await errorOf(response);
  assertEquals(code, "not_configured");
  assertStringIncludes(message, "LAYERCODE_API_KEY");
  assertEquals(fixture.asked, []);
});

for (
  const [status, error] of [
    [400, "Invalid agent"],
    [401, "Unauthorized"],
    [402, "Insufficient balance"],
    [404, "No such conversation"],
    [429, "Too many requests"],
    [500, "Internal error"],
    [503, "Unavailable"],
  ] as const
) {
  test(
    `passes on Layercode's error with status ${status}`,
    async (fixture) => {
      const response = await fixture.endpoint()(ask({ agent_id: "a" }));
      assertEquals(response.status, status);
      const { code, message } = await errorOf(response);
      assertEquals(code, "upstream_refused");
      assertStringIncludes(message, error);
    },
    () => Response.json({ error }, { status }),
  );
}

for (
  const [what, body] of [
    ["is no JSON", "<h1>Oh no</h1>"],
    ["is empty", ""],
    ["is null", "null"],
    ["has no error", '{"detail":"at /srv/app.js:1"}'],
    ["has an error that is an object", '{"error":{"stack":"/srv/app.js:1"}}'],
  ] as const
) {
  test(
    `passes on only the status of an error that ${what}`,
    async (fixture) => {
      const response = await fixture.endpoint()(ask({ agent_id: "a" }));
      assertEquals(response.status, 500);
      const { message } = await errorOf(response);
      assertEquals(message, "Layercode answered with status 500");
    },
    () => new Response(body, { status: 500 }),
  );
}

test("answers 502 when Layercode's status is none", async (fixture) => {
  // Deno.serve would not send it.
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(
      "HTTP/1.1 999 Odd\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    ));
  })();
  const apiUrl = `http://127.0.0.1:${listener.addr.port}`;
  const response = await fixture.endpoint({ apiUrl })(ask({ agent_id: "a" }));
  await served;
  assertEquals(response.status, 502);
  assertStringIncludes((await errorOf(response)).message, "999");
});

test(
  "logs why Layercode refused",
  async (fixture) => {
    const response = await fixture.endpoint()(ask({ agent_id: "a" }));
    await response.body?.cancel();
    assertEquals(fixture.logged.length, 1);
    const { level, event, status, reason } = JSON.parse(fixture.logged[0]!);
    assertEquals({ level, event, status, reason }, {
      level: "warn",
      event: "authorize.refused",
      status: 402,
      reason: "Layercode answered with status 402: No balance for Bearer [key]",
    });
  },
  (request) =>
    Response.json({
      error: `No balance for ${request.headers.get("authorization")}`,
    }, { status: 402 }),
);

test(
  "passes on a refusal's retry-after, and lets a page read it",
  async (fixture) => {
    const origin = "http://parley.test";
    const endpoint = fixture.endpoint({ publicUrl: origin });
    const response = await endpoint(ask({ agent_id: "a" }, { origin }));
    assertEquals(response.status, 429);
    assertEquals(response.headers.get("retry-after"), "17");
    assertEquals(
      response.headers.get("access-control-expose-headers"),
      "retry-after",
    );
    await response.body?.cancel();
  },
  () =>
    Response.json({ error: "Slow down" }, {
      status: 429,
      headers: { "retry-after": "17", "x-internal": "1" },
    }),
);

test(
  "passes on no other header of Layercode's",
  async (fixture) => {
    const response = await fixture.endpoint()(ask({ agent_id: "a" }));
    assertEquals(response.headers.has("x-internal"), false);
    assertEquals(response.headers.get("set-cookie"), null);
    assertEquals(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  },
  () =>
    Response.json(SESSION, {
      headers: {
        "set-cookie": "a=1",
        "access-control-allow-origin": "*",
        "x-internal": "1",
      },
    }),
);

test(
  "shortens a refusal's endless reason",
  async (fixture) => {
    const response = await fixture.endpoint()(ask({ agent_id: "a" }));
    const { message } = await errorOf(response);
    assert(message.length < 500, `${message.length} characters`);
  },
  () => Response.json({ error: "x".repeat(100_000) }, { status: 400 }),
);

for (const status of [301, 302, 307, 308]) {
  test(
    `follows no redirect with status ${status}`,
    async (fixture) => {
      const response = await fixture.endpoint()(ask({ agent_id: "a" }));
      assertEquals(response.status, 502);
      assertEquals(response.headers.get("location"), null);
      await response.body?.cancel();
      assertEquals(fixture.asked.length, 1);
    },
    () => new Response(null, { status, headers: { location: "/elsewhere" } }),
  );
}

for (
  const [what, body] of [["is no JSON", "<h1>Hello</h1>"], ["is empty", ""]]
) {
  test(
    `answers 502 when Layercode's answer ${what}`,
    async (fixture) => {
      const response = await fixture.endpoint()(ask({ agent_id: "a" }));
      assertEquals(response.status, 502);
      const { code, message } = await errorOf(response);
      assertEquals(code, "upstream_unreachable");
      assertEquals(message.includes("<h1>"), false);
    },
    () => new Response(body),
  );
}

test("answers 502 when Layercode can't be reached", async (fixture) => {
  const gone = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const apiUrl = `http://127.0.0.1:${gone.addr.port}`;
  gone.close();
  const response = await fixture.endpoint({ apiUrl })(ask({ agent_id: "a" }));
  assertEquals(response.status, 502);
  const { code, message } = await errorOf(response);
  assertEquals(code, "upstream_unreachable");
  assertEquals(message.includes(apiUrl), false);
  assertStringIncludes(fixture.logged.join("\n"), "authorize.unreachable");
});

/** Resolves when the client of a request has given up. */
function untilGone(request: Request): Promise<void> {
  return new Promise((resolve) => {
    request.signal.addEventListener("abort", () => resolve());
  });
}

test(
  "answers 504 when Layercode takes too long",
  async (fixture) => {
    const endpoint = fixture.endpoint({ timeoutMs: 20 });
    const startedAt = Date.now();
    const response = await endpoint(ask({ agent_id: "a" }));
    assertEquals(response.status, 504);
    assertLess(Date.now() - startedAt, 5_000);
    const { code, message } = await errorOf(response);
    assertEquals(code, "upstream_timeout");
    assertMatch(message, /within 20 ms/);
  },
  async (request) => {
    await untilGone(request);
    return Response.json(SESSION);
  },
);

test(
  "answers 504 when Layercode stops in mid-answer",
  async (fixture) => {
    const endpoint = fixture.endpoint({ timeoutMs: 50 });
    const response = await endpoint(ask({ agent_id: "a" }));
    assertEquals(response.status, 504);
    await response.body?.cancel();
  },
  () =>
    new Response(
      new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode("{")),
      }),
    ),
);

const ECHOES: [what: string, reply: Reply][] = [
  [
    "in a good answer",
    (request) => Response.json({ echo: request.headers.get("authorization") }),
  ],
  ["in a reason", (request) =>
    Response.json({
      error: `Bad key: ${request.headers.get("authorization")} ${KEY}${KEY}`,
    }, { status: 400 })],
  ["at the end of a long reason", (request) =>
    Response.json({
      error: "x".repeat(280) + request.headers.get("authorization"),
    }, { status: 400 })],
  [
    "in a page",
    (request) =>
      new Response(request.headers.get("authorization"), { status: 500 }),
  ],
  [
    "in an answer that is no JSON",
    (request) => new Response(request.headers.get("authorization")),
  ],
];

for (const [what, reply] of ECHOES) {
  test(
    `never sends the key, even if Layercode repeats it ${what}`,
    async (fixture) => {
      const response = await fixture.endpoint()(ask({ agent_id: "a" }));
      const told = await response.text() +
        JSON.stringify([...response.headers]) + fixture.logged.join("\n");
      assertEquals(only(fixture).headers.get("authorization"), `Bearer ${KEY}`);
      assertEquals(told.includes(KEY), false, told);
      assertEquals(told.includes(KEY.slice(0, 10)), false, told);
    },
    reply,
  );
}
