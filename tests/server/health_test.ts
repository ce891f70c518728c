import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  createHealth,
  createHome,
  createReady,
} from "../../src/server/health.ts";
import { createLog } from "../../src/server/log.ts";
import { UNKNOWN_SENDER } from "../../src/server/router.ts";
import { createEcho } from "../../src/providers/echo.ts";
import { createMemoryStore } from "../fakes/memory_store.ts";

/** Parts that can be asked, broken and mended, at a time that a test sets. */
function setup() {
  const state = {
    nowMs: 1_000_000,
    checks: { provider: 0, store: 0 },
    failing: { provider: false, store: false },
    signals: [] as AbortSignal[],
    logged: [] as string[],
  };
  const check = (part: "provider" | "store"): Promise<void> => {
    state.checks[part]++;
    return state.failing[part]
      ? Promise.reject(new Error(`${part} at 10.0.0.1: password wrong`))
      : Promise.resolve();
  };
  const parts = {
    version: "1.2.3",
    provider: {
      ...createEcho(),
      name: "gemini",
      model: "a-model",
      check: (signal: AbortSignal) => {
        state.signals.push(signal);
        return check("provider");
      },
    },
    store: { ...createMemoryStore(), check: () => check("store") },
    log: createLog({
      level: "debug",
      format: "json",
      write: (_, line) => state.logged.push(line),
    }),
    now: () => state.nowMs,
  };
  return { state, parts };
}

function get(path: string): Request {
  return new Request(`http://parley.test${path}`);
}

Deno.test("createHome() says what runs here and where the webhook is", async () => {
  const response = await createHome("1.2.3")(get("/"), UNKNOWN_SENDER);
  assertEquals(response.status, 200);
  assertEquals(await response.json(), {
    name: "parley",
    version: "1.2.3",
    webhook: "/agent",
  });
});

Deno.test("createHealth() says what serves and since when", async () => {
  const { state, parts } = setup();
  const health = createHealth(parts);
  state.nowMs += 90_400;
  const response = await health(get("/health"), UNKNOWN_SENDER);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(await response.json(), {
    status: "ok",
    version: "1.2.3",
    provider: "gemini",
    model: "a-model",
    store: "memory",
    uptime_s: 90,
  });
});

Deno.test("createHealth() checks neither provider nor store, and is ok when they fail", async () => {
  const { state, parts } = setup();
  state.failing = { provider: true, store: true };
  const response = await createHealth(parts)(get("/health"), UNKNOWN_SENDER);
  assertEquals(response.status, 200);
  assertEquals(state.checks, { provider: 0, store: 0 });
  await response.body?.cancel();
});

Deno.test("createReady() is ready when the provider and the store answer", async () => {
  const { state, parts } = setup();
  const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
  assertEquals(response.status, 200);
  assertEquals(await response.json(), { status: "ready" });
  assertEquals(state.checks, { provider: 1, store: 1 });
  assertEquals(state.logged, []);
});

for (
  const [failing, expected] of [
    [{ provider: true, store: false }, ["provider"]],
    [{ provider: false, store: true }, ["store"]],
    [{ provider: true, store: true }, ["provider", "store"]],
  ] as const
) {
  Deno.test(`createReady() says that ${expected.join(" and ")} can't be had, and not why`, async () => {
    const { state, parts } = setup();
    state.failing = failing;
    const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
    assertEquals(response.status, 503);
    const text = await response.text();
    assertEquals(JSON.parse(text), { status: "not_ready", failing: expected });
    assertEquals(text.includes("password"), false);
    assertEquals(state.logged.length, expected.length);
    assertStringIncludes(state.logged.join(), "password wrong");
  });
}

Deno.test("createReady() says so when a check throws at once", async () => {
  const { parts } = setup();
  parts.store.check = () => {
    throw new Error("broken");
  };
  const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
  assertEquals(response.status, 503);
  assertEquals((await response.json()).failing, ["store"]);
});

Deno.test("createReady() leaves nothing that fails later when a check throws at once", async () => {
  const { parts } = setup();
  parts.store.check = () => {
    throw new Error("broken");
  };
  const { timeout } = AbortSignal;
  // What is late fails before the test is over.
  AbortSignal.timeout = () => AbortSignal.abort(new Error("Timed out"));
  try {
    const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
    assertEquals((await response.json()).failing, ["store"]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});

Deno.test("createReady() does not wait for ever for a store that never answers", async () => {
  const { parts } = setup();
  parts.store.check = () => new Promise(() => {});
  const { timeout } = AbortSignal;
  AbortSignal.timeout = () => AbortSignal.abort(new Error("Timed out"));
  try {
    const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
    assertEquals(response.status, 503);
    assertEquals((await response.json()).failing, ["store"]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});

Deno.test("createReady() gives the provider a signal to give up on", async () => {
  const { state, parts } = setup();
  const response = await createReady(parts)(get("/ready"), UNKNOWN_SENDER);
  await response.body?.cancel();
  assertEquals(state.signals.length, 1);
  assert(state.signals[0] instanceof AbortSignal);
  assertEquals(state.signals[0].aborted, false);
});

Deno.test("createReady() checks again only after two seconds", async () => {
  const { state, parts } = setup();
  const ready = createReady(parts);
  const status = async () => {
    const response = await ready(get("/ready"), UNKNOWN_SENDER);
    await response.body?.cancel();
    return response.status;
  };
  assertEquals(await status(), 200);
  state.failing.provider = true;
  state.nowMs += 2_000;
  assertEquals(await status(), 200);
  assertEquals(state.checks.provider, 1);
  state.nowMs += 1;
  assertEquals(await status(), 503);
  assertEquals(state.checks.provider, 2);
  state.failing.provider = false;
  state.nowMs += 2_001;
  assertEquals(await status(), 200);
});

Deno.test("createReady() checks once for many concurrent requests", async () => {
  const { state, parts } = setup();
  const ready = createReady(parts);
  const responses = await Promise.all(
    Array.from({ length: 20 }, () => ready(get("/ready"), UNKNOWN_SENDER)),
  );
  for (const response of responses) {
    assertEquals(await response.json(), { status: "ready" });
  }
  assertEquals(state.checks, { provider: 1, store: 1 });
});
