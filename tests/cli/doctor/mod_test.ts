import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type Check,
  checkPort,
  listChecks,
  readSettings,
  runChecks,
} from "../../../src/cli/doctor/mod.ts";
import { readConfig } from "../../../src/settings/config.ts";
import type { CheckResult } from "../../../src/settings/check_result.ts";
import { toLines } from "../../fakes/check_results.ts";
import { serveOn } from "../../fakes/loopback.ts";
import { freePort } from "../../fakes/ports.ts";

function ok(detail: string): CheckResult {
  return { status: "ok", title: "a", detail };
}

async function run(checks: Record<string, Check>): Promise<string[]> {
  const found = await Array.fromAsync(runChecks(checks, 50));
  return toLines(found.flat());
}

Deno.test("runChecks() runs all concurrently, and yields results in order", async () => {
  const second = Promise.withResolvers<CheckResult[]>();
  const lines = await run({
    async first() {
      await second.promise;
      return [ok("1")];
    },
    second() {
      second.resolve([ok("2")]);
      return second.promise;
    },
  });
  assertEquals(lines, ["ok a: 1", "ok a: 2"]);
});

Deno.test("runChecks() ends a check whose time is up, and survives one that throws", async () => {
  const lines = await run({
    slow: (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    faulty: () => Promise.reject(new Error("Out of order")),
    good: () => Promise.resolve([ok("3")]),
  });
  // Deno's versions word it differently.
  assertMatch(lines[0] ?? "", /^fail slow: can't be checked: .*time/);
  assertEquals(lines.slice(1), [
    "fail faulty: can't be checked: Out of order",
    "ok a: 3",
  ]);
});

Deno.test("listChecks() lists every part, always in the same order", () => {
  assertEquals(Object.keys(listChecks(readConfig({}))), [
    "session store",
    "port",
    "language model",
    "layercode",
    "chat completions",
    "public URL",
  ]);
});

Deno.test("readSettings() reports each problem, with how to fix it", () => {
  const { findings, config } = readSettings({
    env: { PORT: "http", LLM_PROVIDER: "gemini,gpt", LOG_LEVEL: "loud" },
    problems: ["layercode.config.json: is not valid JSON"],
    unknown: [],
  });
  const text = toLines(findings).join("\n");
  assertEquals(
    findings.map(({ status }) => status),
    ["fail", "fail", "fail", "fail", "fail", "skipped"],
  );
  assertStringIncludes(text, 'PORT="http": must be a whole number');
  assertStringIncludes(text, '"gpt" is not one of');
  assertStringIncludes(text, "→ get a key at https://aistudio.google.com");
  assertStringIncludes(text, 'LOG_LEVEL="loud"');
  assertStringIncludes(text, "layercode.config.json: is not valid JSON");
  assertEquals(config, undefined);
});

Deno.test("readSettings() accepts an environment without settings", () => {
  const { findings, config } = readSettings({
    env: {},
    problems: [],
    unknown: [],
  });
  assertEquals(toLines(findings), ["ok settings: can be used"]);
  assertEquals(config?.port, 3000);
});

/** What is said of a port. */
async function check(
  port: number | string,
  hostname = "127.0.0.1",
): Promise<string> {
  return toLines([await checkPort({ port: Number(port), hostname })]).join();
}

Deno.test("checkPort() finds a free port, and one that is taken", async () => {
  const port = freePort();
  assertEquals(await check(port), `ok port: ${port} is free`);
  await using other = serveOn(() => Response.json({ status: "ok" }));
  const taken =
    /^fail port: \d+ is taken by something that is not Parley → set PORT to another/;
  assertMatch(await check(other.port), taken);
  // What listens and says nothing at all.
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertMatch(await check(mute.addr.port), taken);
});

Deno.test("checkPort() finds a Parley that runs here", async () => {
  const health = { version: "0.1.0", provider: "echo", model: "echo" };
  await using server = serveOn(() => Response.json(health));
  const here = "ok port: Parley 0.1.0 is running here (echo, echo)";
  assertEquals(await check(server.port), here);
  assertEquals(await check(server.port, "0.0.0.0"), here);
});

Deno.test("checkPort() finds a HOST that is not this machine's", async () => {
  // An address that is for documentation only, RFC 5737.
  assertMatch(
    await check(freePort(), "192.0.2.1"),
    /^fail port: cannot listen on 192\.0\.2\.1:\d+: .* → HOST must be an address/,
  );
});
