import { assertEquals, assertStringIncludes } from "@std/assert";
import { authorize as shipped } from "../../../src/agent/authorize.ts";
import type {
  AuthorizeHandler,
  AuthorizeRequest,
} from "../../../src/platforms/authorize.ts";
import { ask, errorOf, type Fixture, only, test } from "./_authorize.ts";

/** The log lines of an event. */
function linesOf(fixture: Fixture, event: string) {
  return fixture.logged.map((line) => JSON.parse(line))
    .filter((line) => line.event === event);
}

test("passes the request to the owner's handler", async (fixture) => {
  const questions: AuthorizeRequest[] = [];
  const endpoint = fixture.endpoint({
    authorize(request) {
      questions.push(request);
      return { allow: false, reason: "Only looking" };
    },
    trustedProxies: ["10.0.0.1"],
  });
  await endpoint(
    ask({
      agent_id: "agent_1",
      conversation_id: "conv_9",
      metadata: { role: "admin" },
    }, { "cookie": "login=1", "x-forwarded-for": "192.0.2.1" }),
    { address: "10.0.0.1" },
  );
  const [question] = questions;
  assertEquals(question?.headers.get("cookie"), "login=1");
  assertEquals(question?.address, "192.0.2.1");
  assertEquals(question?.agentId, "agent_1");
  assertEquals(question?.conversationId, "conv_9");
  assertEquals(question?.untrustedMetadata, { role: "admin" });
  assertEquals(question?.signal.aborted, false);
});

test("sends Layercode the owner's metadata in place of the browser's", async (fixture) => {
  const endpoint = fixture.endpoint({
    authorize: async ({ untrustedMetadata: { name } }) => {
      await Promise.resolve();
      return { allow: true, metadata: { plan: "gold", claimedName: name } };
    },
  });
  const metadata = { name: "Ada", role: "admin" };
  const response = await endpoint(ask({ agent_id: "a", metadata }));
  await response.body?.cancel();
  assertEquals(only(fixture).body, {
    agent_id: "a",
    metadata: { plan: "gold", claimedName: "Ada" },
  });
  assertEquals(linesOf(fixture, "authorize.metadata_dropped"), []);
});

test("drops a browser's metadata with the default handler, and logs that", async (fixture) => {
  const endpoint = fixture.endpoint({ authorize: shipped });
  for (const metadata of [{ role: "admin" }, { role: "admin" }, {}]) {
    const response = await endpoint(ask({ agent_id: "a", metadata }));
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  const bodies = fixture.asked.map(({ body }) => body);
  assertEquals(bodies, [{ agent_id: "a" }, { agent_id: "a" }, {
    agent_id: "a",
  }]);
  const [line, ...more] = linesOf(fixture, "authorize.metadata_dropped");
  assertEquals(more.length, 1);
  assertStringIncludes(line.fix, "src/agent/authorize.ts");
  assertEquals(JSON.stringify(line).includes("admin"), false);
});

for (
  const { tellPage, message } of [
    { tellPage: true, message: "Log in first" },
    { tellPage: false, message: "You may not start a call here" },
  ]
) {
  test(`refuses a call that the owner denies, and ${tellPage ? "tells" : "doesn't tell"} the page why`, async (fixture) => {
    const endpoint = fixture.endpoint({
      authorize: () => ({ allow: false, reason: "Log in first", tellPage }),
      allowedOrigins: ["https://app.example"],
    });
    const headers = { origin: "https://app.example" };
    const response = await endpoint(ask({ agent_id: "a" }, headers));
    assertEquals(response.status, 403);
    assertEquals(
      response.headers.get("access-control-allow-origin"),
      "https://app.example",
    );
    assertEquals(await errorOf(response), { code: "not_authorized", message });
    assertEquals(fixture.asked, []);
    const [line] = linesOf(fixture, "authorize.denied");
    assertEquals(line.reason, "Log in first");
  });
}

test("logs at most ten refusals of the owner's handler in a minute", async (fixture) => {
  const endpoint = fixture.endpoint({
    authorize: () => ({ allow: false, reason: "Log in first" }),
  });
  for (let i = 0; i < 50; i++) {
    const response = await endpoint(ask({ agent_id: "a" }));
    assertEquals(response.status, 403);
    await response.body?.cancel();
  }
  assertEquals(linesOf(fixture, "authorize.denied").length, 10);
});

const BROKEN: [what: string, authorize: AuthorizeHandler][] = [
  ["throws", () => {
    throw new Error("db://user:password@host is down");
  }],
  ["rejects", () => Promise.reject(new Error("password"))],
  ["forgets to answer", () => undefined as unknown as { allow: true }],
  ["takes too long", () => new Promise(() => {})],
];

for (const [what, authorize] of BROKEN) {
  test(`refuses every call when the owner's handler ${what}`, async (fixture) => {
    const endpoint = fixture.endpoint({ authorize, timeoutMs: 20 });
    const response = await endpoint(ask({ agent_id: "a" }));
    assertEquals(response.status, 500);
    const { code, message } = await errorOf(response);
    assertEquals(code, "internal");
    assertEquals(message, "Something went wrong here");
    assertEquals(fixture.asked, []);
    assertEquals(linesOf(fixture, "authorize.failed").length, 1);
  });
}

test("aborts the signal of the owner's handler when its time is over", async (fixture) => {
  const told = Promise.withResolvers<void>();
  const endpoint = fixture.endpoint({
    timeoutMs: 20,
    authorize: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          told.resolve();
          reject(signal.reason);
        });
      }),
  });
  const response = await endpoint(ask({ agent_id: "a" }));
  await told.promise;
  assertEquals(response.status, 500);
  await response.body?.cancel();
});

test("lets pages of other origins send their login in a header", async (fixture) => {
  const endpoint = fixture.endpoint({
    allowedOrigins: ["https://app.example"],
  });
  const preflight = new Request("http://parley.test/authorize", {
    method: "OPTIONS",
    headers: { origin: "https://app.example" },
  });
  const { headers } = await endpoint(preflight);
  const allowed = headers.get("access-control-allow-headers") ?? "";
  assertEquals(allowed.split(", "), ["content-type", "authorization"]);
});
