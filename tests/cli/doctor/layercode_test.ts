import { assertEquals, assertMatch } from "@std/assert";
import { checkLayercode } from "../../../src/cli/doctor/layercode.ts";
import { look, patient, serveOn, toLines } from "./_patient.ts";

const KEY = "lc_key_of_the_owner";
const AGENT = { LAYERCODE_AGENT_ID: "agent-1" };

/** What is said of an answer, and what was asked. */
async function check(
  reply: () => Response,
  env: Record<string, string> = AGENT,
  url?: string,
): Promise<{ text: string; asked: string[] }> {
  const asked: string[] = [];
  await using api = serveOn((request) => {
    const { method, url, headers } = request;
    const { pathname } = new URL(url);
    asked.push(`${method} ${pathname} ${headers.get("authorization")}`);
    return reply();
  });
  const of = patient(
    { LAYERCODE_API_URL: api.url, LAYERCODE_API_KEY: KEY, ...env },
    url === undefined ? {} : { publicUrl: new URL(url) },
  );
  return { text: toLines(await look(checkLayercode, of)).join("\n"), asked };
}

Deno.test("checkLayercode() asks what costs nothing, with the key", async () => {
  const { text, asked } = await check(() => Response.json({ id: "agent-1" }));
  assertEquals(
    text,
    "ok layercode: takes the API key, and knows agent agent-1",
  );
  assertEquals(asked, [`GET /v1/agents/agent-1 Bearer ${KEY}`]);
  const all = await check(() => Response.json({ agents: [] }), {});
  assertEquals(all.text, "ok layercode: takes the API key");
  assertEquals(all.asked, [`GET /v1/agents Bearer ${KEY}`]);
});

Deno.test("checkLayercode() compares the agent's webhook with --url", async () => {
  const url = "https://a.example/agent";
  const config = { plugins: [{ use: "agent.webhook", options: { url } }] };
  for (
    const agent of [{ webhook_url: url }, { config }, { agent: { config } }]
  ) {
    const reply = () => Response.json(agent);
    assertMatch((await check(reply)).text, /\nok .*webhook is https:\/\/a\.ex/);
    assertMatch((await check(reply, AGENT, url)).text, /\nok .*is this --url/);
    assertMatch(
      (await check(reply, AGENT, "https://b.example/agent")).text,
      /\nwarn .*a\.example\/agent, not https:\/\/b\.example\/agent → change it/,
    );
  }
});

Deno.test("checkLayercode() tells its refusals apart", async () => {
  const cases: [number, RegExp][] = [
    [400, /^fail .*key is refused \(400\): because → copy it again/],
    [401, /^fail .*key is refused \(401\)/],
    [403, /^fail .*key is refused \(403\)/],
    [404, /^fail .*there is no agent agent-1: because → copy its id/],
    [500, /^fail .*status 500.*seems to be down/],
    [503, /^fail .*status 503.*seems to be down/],
    [429, /^warn .*could not tell.*429/],
    [302, /^warn .*could not tell.*302/],
  ];
  for (const [status, says] of cases) {
    const reply = () => Response.json({ error: "because" }, { status });
    assertMatch((await check(reply)).text, says);
  }
});

Deno.test("checkLayercode() leaves out what is not set, not reachable or no key", async () => {
  const [unset = ""] = toLines(await look(checkLayercode, patient()));
  assertMatch(unset, /^skipped layercode: LAYERCODE_API_KEY is not set/);
  const of = (key: string) => patient({ LAYERCODE_API_KEY: key });
  const [dead = ""] = toLines(await look(checkLayercode, of(KEY)));
  assertMatch(dead, /^fail .*cannot reach .*nothing listens.*may be down/);
  for (const key of ["your-key", "two words"]) {
    const [line = ""] = toLines(await look(checkLayercode, of(key)));
    assertMatch(line, /^fail .*not what a key looks like/);
    assertEquals(line.includes(key), false);
  }
});
