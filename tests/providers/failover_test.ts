import {
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createLog } from "../../src/server/log.ts";
import {
  createFailover,
  type FailoverOptions,
} from "../../src/providers/failover.ts";
import { type Provider, ProviderError } from "../../src/providers/provider.ts";
import {
  createScriptedProvider,
  fails,
  says,
  type Script,
  type ScriptedProvider,
  stalls,
} from "../fakes/provider.ts";
import { ask, question } from "./_ask.ts";

const error = new ProviderError("Cannot ask", {
  provider: "scripted",
  retryable: true,
});

const hopeless = new ProviderError("Cannot ask", {
  provider: "scripted",
  retryable: false,
});

function named(name: string, ...scripts: Script[]): ScriptedProvider {
  return { ...createScriptedProvider(...scripts), name };
}

function make(
  providers: Provider[],
  options: Partial<FailoverOptions> = {},
): Provider & { lines: string[] } {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  return Object.assign(
    createFailover(providers, {
      log,
      now: Date.now,
      firstTokenTimeoutMs: 1_000,
      stallTimeoutMs: 1_000,
      ...options,
    }),
    { lines },
  );
}

function test(what: string, fn: () => Promise<void>): void {
  Deno.test({ name: `createFailover() ${what}`, sanitizeOps: true, fn });
}

test("lets the first provider answer, and names it", async () => {
  const second = named("b", says("no"));
  const failover = make([named("a", says("Hi", "!")), second]);
  const { text, parts } = await ask(failover);
  assertEquals(text, "Hi!");
  assertEquals(parts[0], {
    type: "response-start",
    provider: "a",
    model: "script",
  });
  assertEquals(second.requests.length, 0);
});

test("names the model that a provider chose during the request", async () => {
  let model = "default";
  const choosing: Provider = {
    ...named("a", async function* (request) {
      await Promise.resolve();
      model = "chosen";
      yield* says("Hi")(request);
    }),
    get model() {
      return model;
    },
  };
  const { parts } = await ask(make([choosing]));
  assertEquals(parts[0]?.type === "response-start" && parts[0].model, "chosen");
});

test("goes on to the next when one fails before its first words", async () => {
  const failover = make([named("a", fails(error)), named("b", says("Hi"))]);
  const { text, parts } = await ask(failover);
  assertEquals(text, "Hi");
  assertEquals(parts[0]?.type === "response-start" && parts[0].provider, "b");
  // It was asked twice.
  assertEquals(failover.lines.length, 2);
});

test("doesn't begin again when one fails in mid-answer", async () => {
  const second = named("b", says("no"));
  const failover = make([named("a", fails(error, "Well, ")), second]);
  let text = "";
  await assertRejects(async () => {
    for await (const part of failover.stream(question())) {
      if (part.type === "text-delta") text += part.text;
    }
  }, ProviderError);
  assertEquals(text, "Well, ");
  assertEquals(second.requests.length, 0);
});

test("throws the last error when all fail", async () => {
  const last = new ProviderError("The last", {
    provider: "b",
    retryable: false,
  });
  const failover = make([named("a", fails(error)), named("b", fails(last))]);
  const failure = await assertRejects(() => ask(failover), ProviderError);
  assertEquals(failure, last);
});

test("asks the next when the first words don't come in time, and cancels the silent one", async () => {
  let cancelled = false;
  const silent: Script = (request) => {
    request.signal.addEventListener("abort", () => cancelled = true);
    return stalls()(request);
  };
  const failover = make([named("a", silent), named("b", says("Hi"))], {
    firstTokenTimeoutMs: 5,
  });
  assertEquals((await ask(failover)).text, "Hi");
  assertEquals(cancelled, true);
});

test("asks the next even when the silent one ignores its signal", async () => {
  const deaf: Script = async function* () {
    await new Promise(() => {});
    yield { type: "finish", usage: {} };
  };
  const failover = make([named("a", deaf), named("b", says("Hi"))], {
    firstTokenTimeoutMs: 5,
  });
  assertEquals((await ask(failover)).text, "Hi");
});

test("fails when an answer stops in the middle", async () => {
  const failover = make([named("a", stalls("Well, "))], { stallTimeoutMs: 5 });
  const failure = await assertRejects(() => ask(failover), ProviderError);
  assertEquals(
    failure.message,
    "No more words within 5 ms; set STALL_TIMEOUT_MS higher if the model needs longer",
  );
});

test("ends at once when the caller leaves, whatever the provider does", async () => {
  const deaf: Script = async function* () {
    yield { type: "text-delta", text: "Well, " };
    await new Promise(() => {});
  };
  for (const script of [deaf, stalls("Well, ")]) {
    const second = named("b", says("no"));
    const failover = make([named("a", script), second]);
    const controller = new AbortController();
    const { signal } = controller;
    let leftAt = 0;
    await assertRejects(
      async () => {
        for await (const part of failover.stream(question({ signal }))) {
          if (part.type !== "text-delta") continue;
          setTimeout(() => {
            leftAt = performance.now();
            controller.abort(new Error("gone"));
          });
        }
      },
      Error,
      "gone",
    );
    assertLess(performance.now() - leftAt, 100);
    assertEquals(second.requests.length, 0);
    // A caller who leaves does not count as a failure of the provider.
    assertEquals(failover.lines, []);
  }
});

test("throws the signal's reason when it is read after the caller left", async () => {
  const failover = make([named("a", says("Well, ", "you see"))]);
  const controller = new AbortController();
  const { signal } = controller;
  const parts = failover.stream(question({ signal }))[Symbol.asyncIterator]();
  await parts.next();
  await parts.next();
  controller.abort(new Error("gone"));
  await assertRejects(() => parts.next(), Error, "gone");
  // An unhandled rejection would end the process here.
  await new Promise((go) => setTimeout(go));
});

test("asks one that keeps failing last, for a while", async () => {
  let now = 0;
  const first = named("a", fails(hopeless));
  const failover = make([first, named("b", says("Hi"))], {
    now: () => now,
  });
  for (let n = 0; n < 10; n++) assertEquals((await ask(failover)).text, "Hi");
  assertEquals(first.requests.length, 3);
  now = 30_001;
  await ask(failover);
  await ask(failover);
  // It is tried again once, and then asked last again.
  assertEquals(first.requests.length, 4);
});

test("still asks those that come last when no other answers", async () => {
  const bad = fails(hopeless);
  const first = named("a", bad, bad, bad, says("Back"));
  const hi = says("Hi");
  const failover = make([first, named("b", hi, hi, hi, fails(hopeless))]);
  for (let n = 0; n < 3; n++) assertEquals((await ask(failover)).text, "Hi");
  assertEquals((await ask(failover)).text, "Back");
});

/** A transient failure with this status. */
function passing(status: number, retryAfterMs?: number): ProviderError {
  return new ProviderError(`Status ${status}`, {
    provider: "scripted",
    status,
    retryable: true,
    retryAfterMs,
  });
}

test("retries after a transient failure, before any word was spoken", async () => {
  const busy = fails(passing(503));
  const only = named("a", busy, busy, says("Hi"));
  const failover = make([only], { firstTokenTimeoutMs: 5_000 });
  const { text, parts } = await ask(failover);
  assertEquals(text, "Hi");
  assertEquals(only.requests.length, 3);
  assertEquals(parts.filter(({ type }) => type === "response-start").length, 1);
  assertEquals(failover.lines.length, 2);
});

test("retries when the vendor says, not before", async () => {
  const only = named("a", fails(passing(429, 150)), says("Hi"));
  const startedAt = performance.now();
  assertEquals((await ask(make([only]))).text, "Hi");
  assertGreater(performance.now() - startedAt, 145);
});

test("doesn't wait longer than the first words may take", async () => {
  const only = named("a", fails(passing(429, 60_000)), says("Hi"));
  const startedAt = performance.now();
  await assertRejects(() => ask(make([only])), ProviderError, "Status 429");
  assertLess(performance.now() - startedAt, 500);
  assertEquals(only.requests.length, 1);
});

test("stops its retries when the first words are due", async () => {
  const only = named("a", fails(passing(503)));
  const startedAt = performance.now();
  await assertRejects(
    () => ask(make([only], { firstTokenTimeoutMs: 700 })),
    ProviderError,
  );
  assertLess(performance.now() - startedAt, 1_000);
  assertGreater(only.requests.length, 1);
});

test("asks another provider rather than waiting for long", async () => {
  const first = named("a", fails(passing(429, 3_000)));
  const failover = make([first, named("b", says("Hi"))], {
    firstTokenTimeoutMs: 10_000,
  });
  const startedAt = performance.now();
  assertEquals((await ask(failover)).text, "Hi");
  assertLess(performance.now() - startedAt, 1_000);
  assertEquals(first.requests.length, 1);
});

test("doesn't retry where that can't help, nor after a word", async () => {
  for (const script of [fails(hopeless), fails(passing(503), "Well, ")]) {
    const only = named("a", script, says("Hi"));
    await assertRejects(() => ask(make([only])), ProviderError);
    assertEquals(only.requests.length, 1);
  }
});

test("ends at once when the caller leaves between two attempts", async () => {
  const only = named("a", fails(passing(429, 500)), says("Hi"));
  const controller = new AbortController();
  const { signal } = controller;
  const asked = ask(make([only]), { signal });
  setTimeout(() => controller.abort(new Error("gone")), 20);
  const startedAt = performance.now();
  await assertRejects(() => asked, Error, "gone");
  assertLess(performance.now() - startedAt, 300);
  assertEquals(only.requests.length, 1);
});

test("waits for a model that is still loading", async () => {
  let looks = 0;
  const late: Script = async function* (request) {
    await new Promise((go) => setTimeout(go, 120));
    yield* says("Loaded")(request);
  };
  const loading: Provider = {
    ...named("a", late),
    isLoading: () => Promise.resolve(++looks < 10),
  };
  const failover = make([loading, named("b", says("no"))], {
    firstTokenTimeoutMs: 30,
  });
  assertEquals((await ask(failover)).text, "Loaded");
  assertGreater(looks, 1);
  assertStringIncludes(failover.lines[0] ?? "", "provider.loading");
});

test("gives a model that has just loaded its time once more, to read the prompt", async () => {
  const reads: Script = async function* (request) {
    await new Promise((go) => setTimeout(go, 500));
    yield* says("Loaded")(request);
  };
  const cases = [[reads, "Loaded", 2], [stalls(), "Hi", 3]] as const;
  for (const [script, said, times] of cases) {
    let looks = 0;
    const loading: Provider = {
      ...named("a", script),
      isLoading: () => Promise.resolve(++looks === 1),
    };
    const failover = make([loading, named("b", says("Hi"))], {
      firstTokenTimeoutMs: 200,
    });
    assertEquals((await ask(failover)).text, said);
    assertEquals(looks, times);
  }
});

test("gives up on a model that is loaded and silent", async () => {
  const hung: Provider = {
    ...named("a", stalls()),
    isLoading: () => Promise.resolve(false),
  };
  const failover = make([hung, named("b", says("Hi"))], {
    firstTokenTimeoutMs: 20,
  });
  assertEquals((await ask(failover)).text, "Hi");
});

test("resets the count of failures after a success", async () => {
  const bad = fails(hopeless);
  const first = named("a", bad, bad, says("Hi"), bad, bad, says("Hi"));
  const failover = make([first, named("b", says("Hi"))]);
  for (let n = 0; n < 6; n++) await ask(failover);
  assertEquals(first.requests.length, 6);
});

test("asks a failing provider when there is no other", async () => {
  const only = named("a", fails(hopeless));
  const failover = make([only]);
  for (let n = 0; n < 5; n++) await assertRejects(() => ask(failover));
  assertEquals(only.requests.length, 5);
});

test("passes its check if one of its providers does", async () => {
  const down: Provider = {
    ...named("a", says()),
    check: () => Promise.reject(error),
  };
  const { signal } = new AbortController();
  await make([down, named("b", says())]).check(signal);
  await assertRejects(() => make([down]).check(signal), ProviderError);
});
