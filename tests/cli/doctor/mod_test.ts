import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Entry, runChecks } from "../../../src/cli/doctor/mod.ts";
import { findSecretValues } from "../../../src/cli/doctor/redact.ts";
import { findings, type Result } from "../../../src/cli/doctor/result.ts";
import { patient, toLines } from "./_patient.ts";

const { ok } = findings("a");

/** A check of what no setting has to do with. */
function entry(check: Entry["check"], more: Partial<Entry> = {}): Entry {
  return { title: "a", check, needs: /^NOTHING$/, ...more };
}

async function run(
  entries: Entry[],
  env: Record<string, string> = {},
  broken: string[] = [],
): Promise<string[]> {
  const { config, ...rest } = patient(env);
  const secrets = findSecretValues(env);
  const settings = { config, broken: new Set(broken), secrets };
  return toLines(await Array.fromAsync(runChecks(settings, rest, entries)));
}

Deno.test("runChecks() runs all at once, and tells in order", async () => {
  const second = Promise.withResolvers<Result[]>();
  const first = async () => {
    await second.promise;
    return [ok("1")];
  };
  const lines = await run([
    entry(first),
    entry(() => {
      second.resolve([ok("2")]);
      return second.promise;
    }),
  ]);
  assertEquals(lines, ["ok a: 1", "ok a: 2"]);
});

Deno.test("runChecks() ends a check that hangs, and outlives one that fails", async () => {
  const [hangs = "", fails = ""] = await run([
    entry(() => new Promise(() => {}), { timeoutMs: 50 }),
    entry(() => Promise.reject(new Error("Out of order"))),
  ]);
  assertMatch(hangs, /^fail a: no answer within 0\.05 s →/);
  assertMatch(fails, /^fail a: can't be looked at: Out of order/);
});

Deno.test("runChecks() leaves out what a broken setting would mislead", async () => {
  const check = () => Promise.resolve([ok("fine")]);
  const entries = [
    entry(check, { needs: /^PORT/ }),
    entry(check, { needs: /^DATA/ }),
  ];
  assertEquals(await run(entries, {}, ["PORT"]), [
    "skipped a: not looked at, since PORT can't be used",
    "ok a: fine",
  ]);
  const none = runChecks(
    { broken: new Set(), secrets: [] },
    patient(),
    entries,
  );
  assertEquals(toLines(await Array.fromAsync(none)), [
    "skipped a: not looked at, since the settings can't be used",
    "skipped a: not looked at, since the settings can't be used",
  ]);
});

Deno.test("runChecks() takes every secret out of what others say", async () => {
  const env = {
    LAYERCODE_WEBHOOK_SECRET: "webhook-one,webhook-two",
    LAYERCODE_API_KEY: "layercode-key",
    GOOGLE_GENERATIVE_AI_API_KEY: "gemini-key",
    ADMIN_TOKEN: "admin-token-0123456789",
    PLAYGROUND_TOKEN: "playground-token-01234",
    OLLAMA_HOST: "http://me:passphrase@127.0.0.1:1",
  };
  const said = Object.values(env).join(" ");
  const [line = ""] = await run([
    entry(() => Promise.resolve([findings("a").fail(said, said)])),
  ], env);
  assertStringIncludes(line, "http://me:[secret]@");
  for (const secret of [...said.split(/[ ,]/), "passphrase"]) {
    assertEquals(line.includes(secret), false, secret);
  }
});
