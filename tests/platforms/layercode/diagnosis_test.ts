import { assertEquals, assertMatch } from "@std/assert";
import {
  diagnose,
  diagnoseClock,
} from "../../../src/platforms/layercode/diagnosis.ts";
import { toLines } from "../../fakes/check_results.ts";
import { deadUrl, serveOn } from "../../fakes/loopback.ts";

const KEY = "lc_key_of_the_owner";
const OWNER = { apiKey: KEY, agentId: "agent-1" };
const SECRET = "whsec_0123456789abcdef";

/** The results for this answer of Layercode's, and the requests that it got. */
async function check(
  reply: () => Response,
  options: Partial<Parameters<typeof diagnose>[0]> = OWNER,
): Promise<{ lines: string[]; asked: string[] }> {
  const asked: string[] = [];
  await using api = serveOn(({ method, url, headers }) => {
    const { pathname } = new URL(url);
    asked.push(`${method} ${pathname} ${headers.get("authorization")}`);
    return reply();
  });
  const findings = await diagnose(
    { webhookSecrets: [SECRET], apiUrl: api.url, ...options },
    AbortSignal.timeout(10_000),
  );
  return { lines: toLines(findings), asked };
}

Deno.test("diagnose() sends a free request with the key", async () => {
  const { lines, asked } = await check(() => Response.json({ id: "agent-1" }));
  assertEquals(lines[0], "ok webhook secret: is set");
  assertMatch(lines[1] ?? "", /^ok clock: within \d s of Layercode's$/);
  assertEquals(lines.slice(2), [
    "ok layercode: takes the API key, and knows agent agent-1",
  ]);
  assertEquals(asked, [`GET /v1/agents/agent-1 Bearer ${KEY}`]);
  const all = await check(() => Response.json([]), { apiKey: KEY });
  assertEquals(all.lines[2], "ok layercode: takes the API key");
  assertEquals(all.asked, [`GET /v1/agents Bearer ${KEY}`]);
});

Deno.test("diagnose() only compares the clock if there is no key", async () => {
  const refusal = () => Response.json({ error: "no key" }, { status: 401 });
  const { lines, asked } = await check(refusal, {});
  assertMatch(lines[1] ?? "", /^ok clock/);
  assertMatch(lines[2] ?? "", /^skipped layercode: LAYERCODE_API_KEY is not/);
  assertEquals(asked, ["GET /v1/agents null"]);
});

Deno.test("diagnose() checks the form of secrets, and never shows one", async () => {
  const cases: [string[], RegExp][] = [
    [[], /^ok webhook secret: one that Parley makes itself/],
    [["tooshort1"], /^warn .*has only 9 characters → copy it again from/],
    [[`"${SECRET}"`], /^warn .*white space or quotes/],
    [["whsec_0123 456789abcdef"], /^warn .*white space or quotes/],
    [[SECRET, "tooshort"], /^ok .*no\. 1 is set\nwarn .*no\. 2 has only 8/],
  ];
  for (const [webhookSecrets, says] of cases) {
    const { lines } = await check(() => Response.json({}), { webhookSecrets });
    const text = lines.join("\n");
    assertMatch(text, says);
    for (const secret of webhookSecrets) {
      assertEquals(text.includes(secret), false);
    }
  }
});

Deno.test("diagnose() distinguishes Layercode's errors", async () => {
  const cases: [number, RegExp][] = [
    [400, /^fail .*key is refused \(400\): because → copy it again/],
    [401, /^fail .*key is refused \(401\)/],
    [403, /^fail .*key is refused \(403\)/],
    [404, /^fail .*there is no agent agent-1: because → copy its id/],
    [429, /^warn .*could not tell.*429/],
    [302, /^warn .*could not tell.*302/],
    [500, /^warn .*could not tell.*500.*may be down/],
  ];
  for (const [status, says] of cases) {
    const reply = () => Response.json({ error: "because" }, { status });
    assertMatch((await check(reply)).lines[2] ?? "", says);
  }
  const page = () => new Response("<html>", { status: 503 });
  assertMatch((await check(page)).lines[2] ?? "", /^warn .*status 503 →/);
});

Deno.test("diagnose() says so when Layercode can't be reached", async () => {
  const { lines } = await check(() => Response.json({}), {
    ...OWNER,
    apiUrl: deadUrl(),
  });
  assertMatch(lines[1] ?? "", /^skipped clock: not compared/);
  assertMatch(lines[2] ?? "", /^fail .*cannot reach .*refused.*may be down/);
  const keyless = await check(() => Response.json({}), { apiUrl: deadUrl() });
  assertMatch(keyless.lines[2] ?? "", /^skipped layercode: LAYERCODE_API_KEY/);
});

Deno.test("diagnoseClock() finds a clock that is right, fast or slow", () => {
  const at = (seconds: number) =>
    toLines([
      diagnoseClock(
        "Sat, 21 Nov 2026 10:00:00 GMT",
        Date.UTC(2026, 10, 21, 10) + seconds * 1000,
      ),
    ]).join();
  assertEquals(at(0), "ok clock: within 1 s of Layercode's");
  assertEquals(at(30), "ok clock: within 31 s of Layercode's");
  assertMatch(at(3600), /^fail clock: 3600 s ahead of Layercode's; .*\b300 s/);
  assertMatch(at(-90), /^fail clock: 90 s behind Layercode's/);
  assertMatch(toLines([diagnoseClock(null)]).join(), /^skipped clock/);
});
