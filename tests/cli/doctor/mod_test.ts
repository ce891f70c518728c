import { assertEquals, assertMatch } from "@std/assert";
import {
  type Check,
  listChecks,
  runChecks,
} from "../../../src/cli/doctor/mod.ts";
import { readConfig } from "../../../src/settings/config.ts";
import type { Finding } from "../../../src/settings/finding.ts";
import { toLines } from "../../fakes/findings.ts";
import { deadUrl, inFolder } from "../../fakes/loopback.ts";

function ok(detail: string): Finding {
  return { status: "ok", title: "a", detail };
}

async function run(...looks: Check["look"][]): Promise<string[]> {
  const checks = looks.map((look) => ({ title: "a", look, timeoutMs: 50 }));
  const found = await Array.fromAsync(runChecks(checks));
  return toLines(found.flatMap(([, findings]) => findings));
}

Deno.test("runChecks() makes all at once, and tells in order", async () => {
  const second = Promise.withResolvers<Finding[]>();
  const lines = await run(
    async () => {
      await second.promise;
      return [ok("1")];
    },
    () => {
      second.resolve([ok("2")]);
      return second.promise;
    },
  );
  assertEquals(lines, ["ok a: 1", "ok a: 2"]);
});

Deno.test("runChecks() ends a check whose time is up, and outlives one that fails", async () => {
  const lines = await run(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    () => Promise.reject(new Error("Out of order")),
    () => Promise.resolve([ok("3")]),
  );
  // Deno's versions word it differently.
  assertMatch(lines[0] ?? "", /^fail a: can't be looked at: .*time/);
  assertEquals(lines.slice(1), [
    "fail a: can't be looked at: Out of order",
    "ok a: 3",
  ]);
});

/** What is said of the public address with these settings. */
async function checkTurn(
  url: string | undefined,
  dataDir: string,
): Promise<string> {
  const config = readConfig({ DATA_DIR: dataDir });
  const checks = listChecks(config, url ? new URL(url) : undefined)
    .filter(({ title }) => title === "public URL");
  const [found] = await Array.fromAsync(runChecks(checks));
  return toLines(found?.[1] ?? []).join("\n");
}

Deno.test("listChecks() sends a turn only where it has an address and a secret", () =>
  inFolder(async (folder) => {
    assertEquals(
      await checkTurn(undefined, folder),
      "skipped public URL: --url https://… sends a turn through your tunnel",
    );
    const url = `${deadUrl()}/agent`;
    assertEquals(
      await checkTurn(url, folder),
      "fail public URL: no turn was sent: there is no webhook secret to sign it with → " +
        "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
    );
    await Deno.writeTextFile(`${folder}/webhook-secret`, "secret");
    assertMatch(
      await checkTurn(url, folder),
      /^fail public URL: cannot reach http/,
    );
  }));
