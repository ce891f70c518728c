import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  createApp,
  type Handler,
  lastSegment,
} from "../../src/server/router.ts";
import { HttpError } from "../../src/server/http.ts";
import { createLog } from "../../src/server/log.ts";
import { askRaw } from "../_raw.ts";
import { startServer } from "../fakes/server.ts";

/** What a test has otherwise. */
interface Changes {
  /** By their names. */
  handlers?: Record<string, Handler>;
  isDraining?: () => boolean;
}

/** An app whose routes answer with their names; and what it logs. */
function setup(changes: Changes = {}) {
  const logged: string[] = [];
  const named = (name: string): Handler =>
    changes.handlers?.[name] ?? (() => new Response(name));
  const webhook = { POST: named("webhook") };
  const authorize = { POST: named("authorize"), OPTIONS: named("authorize") };
  const app = createApp({
    routes: {
      "/agent": webhook,
      "/api/agent": webhook,
      "/authorize": authorize,
      "/api/authorize": authorize,
      "/health": { GET: named("health") },
      "/ready": { GET: named("ready") },
      "/": { GET: named("home") },
      "/things/*": { GET: named("thing") },
    },
    log: createLog({
      level: "debug",
      format: "json",
      write: (_, line) => logged.push(line),
    }),
    isDraining: changes.isDraining ?? (() => false),
  });
  const send = async (method: string, path: string) =>
    await app(new Request(`http://parley.test${path}`, { method }));
  return { app, send, logged };
}

/** The code of an error, which must be JSON of the documented shape. */
async function codeOf(response: Response): Promise<string> {
  assertEquals(response.headers.get("content-type"), "application/json");
  const body = await response.json();
  assertEquals(Object.keys(body), ["error"]);
  assertEquals(Object.keys(body.error), ["code", "message"]);
  return body.error.code;
}

const ROUTES: [method: string, path: string, name: string][] = [
  ["POST", "/agent", "webhook"],
  ["POST", "/api/agent", "webhook"],
  ["POST", "/authorize", "authorize"],
  ["OPTIONS", "/authorize", "authorize"],
  ["POST", "/api/authorize", "authorize"],
  ["OPTIONS", "/api/authorize", "authorize"],
  ["GET", "/health", "health"],
  ["GET", "/ready", "ready"],
  ["GET", "/", "home"],
  ["HEAD", "/health", "health"],
  ["HEAD", "/ready", "ready"],
  ["HEAD", "/", "home"],
  ["POST", "/agent/", "webhook"],
  ["POST", "/api/authorize/", "authorize"],
  ["GET", "/health/", "health"],
  ["POST", "/agent?x=1", "webhook"],
  ["GET", "/?x=1", "home"],
];

for (const [method, path, name] of ROUTES) {
  Deno.test(`createApp() sends ${method} ${path} to ${name}`, async () => {
    const response = await setup().send(method, path);
    assertEquals(response.status, 200);
    assertEquals(await response.text(), name);
  });
}

for (
  const path of [
    "/nothing",
    "/agents",
    "/Agent",
    "/agent//",
    "//agent",
    "/api",
    "/api/health",
    "/agent/x",
    "/%61gent",
    "/constructor",
    "/__proto__",
    "/toString",
  ]
) {
  Deno.test(`createApp() finds nothing at ${path}`, async () => {
    for (const method of ["GET", "POST"]) {
      const response = await setup().send(method, path);
      assertEquals(response.status, 404);
      assertEquals(await codeOf(response), "not_found");
    }
  });
}

const NOT_ALLOWED: [method: string, path: string, allowed: string[]][] = [
  ["GET", "/agent", ["POST"]],
  ["HEAD", "/agent", ["POST"]],
  ["PUT", "/agent", ["POST"]],
  ["OPTIONS", "/agent", ["POST"]],
  ["GET", "/agent/", ["POST"]],
  ["GET", "/authorize", ["POST", "OPTIONS"]],
  ["PUT", "/api/authorize", ["POST", "OPTIONS"]],
  ["POST", "/health", ["GET", "HEAD"]],
  ["OPTIONS", "/health", ["GET", "HEAD"]],
  ["DELETE", "/", ["GET", "HEAD"]],
  ["BREW", "/ready", ["GET", "HEAD"]],
  ["constructor", "/agent", ["POST"]],
  ["toString", "/agent", ["POST"]],
  ["valueOf", "/agent", ["POST"]],
  ["hasOwnProperty", "/agent", ["POST"]],
];

for (const [method, path, allowed] of NOT_ALLOWED) {
  Deno.test(`createApp() refuses ${method} ${path} and says what is allowed`, async () => {
    const response = await setup().send(method, path);
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow")?.split(", "), allowed);
    assertEquals(await codeOf(response), "method_not_allowed");
  });
}

Deno.test("createApp() refuses a path of more than 2 KB", async () => {
  const long = `/${"a".repeat(2047)}`;
  assertEquals((await setup().send("GET", long)).status, 404);
  for (const path of [`${long}a`, `/${"a".repeat(60_000)}//`]) {
    const response = await setup().send("GET", path);
    assertEquals(response.status, 414);
    assertEquals(await codeOf(response), "path_too_long");
  }
});

Deno.test("createApp() matches any last segment to a route with a star", async () => {
  const { send } = setup();
  for (const path of ["/things/a", "/things/a/", "/things/a%2Fb"]) {
    assertEquals(await (await send("GET", path)).text(), "thing", path);
  }
  for (const path of ["/things", "/things/", "/things//", "/things/a/b"]) {
    const response = await send("GET", path);
    assertEquals(response.status, 404, path);
    await response.body?.cancel();
  }
});

Deno.test("createApp() refuses requests while the server shuts down", async () => {
  let draining = false;
  const { send } = setup({ isDraining: () => draining });
  assertEquals(await (await send("POST", "/agent")).text(), "webhook");
  draining = true;
  for (
    const [method, path] of [
      ["POST", "/agent"],
      ["POST", "/authorize"],
      ["GET", "/health"],
      ["GET", "/ready"],
      ["GET", "/nothing"],
    ] as const
  ) {
    const response = await send(method, path);
    assertEquals(response.status, 503);
    assertEquals(await codeOf(response), "shutting_down");
  }
});

Deno.test("createApp() answers with the HttpError that a route throws", async () => {
  const webhook = () => {
    throw new HttpError(401, "invalid_signature", "Sign it", { "x-a": "1" });
  };
  const { send, logged } = setup({ handlers: { webhook } });
  const response = await send("POST", "/agent");
  assertEquals(response.status, 401);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(await codeOf(response), "invalid_signature");
  assertEquals(logged, []);
});

const FAILURES: [what: string, fail: () => Promise<Response>][] = [
  ["throws", () => {
    throw new Error("at /srv/secret.ts: key lc_123");
  }],
  [
    "rejects",
    () => Promise.reject(new Error("at /srv/secret.ts: key lc_123")),
  ],
  ["throws what is no error", () => {
    throw "at /srv/secret.ts: key lc_123";
  }],
  ["throws nothing", () => {
    throw undefined;
  }],
];

for (const [what, webhook] of FAILURES) {
  Deno.test(`createApp() reveals nothing internal when a route ${what}`, async () => {
    const { send, logged } = setup({ handlers: { webhook } });
    const response = await send("POST", "/agent");
    assertEquals(response.status, 500);
    assertEquals(await response.json(), {
      error: { code: "internal", message: "Something went wrong here" },
    });
    assertEquals(logged.length, 1);
    assertEquals(JSON.parse(logged[0]!).level, "error");
    if (what !== "throws nothing") assert(logged[0]!.includes("secret.ts"));
  });
}

Deno.test("createApp() refuses a Host header that is not a valid host", async () => {
  const { app, logged } = setup();
  for (const url of ["http://a b/", "http://localhost:99999/", "http://%00/"]) {
    // As Deno.serve makes one: no Request of our own could have this address.
    const request = { url, method: "GET" } as Request;
    const response = await app(request);
    assertEquals(response.status, 400);
    assertEquals(await codeOf(response), "invalid_host");
  }
  assertEquals(logged, []);
});

Deno.test("main.ts lets no Host header choose the path", async () => {
  await using server = await startServer();
  const port = Number(new URL(server.url).port);
  for (const host of ["a/health?", "a/health#", "a\\health?", "@a/health?"]) {
    const head = [`host: ${host}`];
    const { status, body } = await askRaw({ port, line: "GET /no", head });
    assertEquals([host, status], [host, 400]);
    assertStringIncludes(body, "invalid_host");
  }
});

Deno.test("lastSegment() decodes the segment, with or without a slash after it", () => {
  const last = (path: string) =>
    lastSegment(new Request(`http://parley.test${path}`));
  assertEquals(last("/sessions/conv_1"), "conv_1");
  assertEquals(last("/sessions/conv_1/"), "conv_1");
  assertEquals(last("/sessions/a%2Fb%20%C3%BC?x=/y"), "a/b ü");
  assertThrows(() => last("/sessions/%ff"), HttpError);
});
