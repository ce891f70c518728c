import { assertEquals, assertMatch } from "@std/assert";
import { diagnose } from "../../../src/platforms/openai/diagnosis.ts";
import { toLines } from "../../fakes/check_results.ts";
import { deadUrl, serveOn } from "../../fakes/loopback.ts";
import { startServer } from "../../fakes/server.ts";

const KEY = "key-for-tests-only-0123456789";
const OTHER = "other-for-tests-only-0123456789";

async function look(
  url: string,
  { keys = [KEY], isPublic = false } = {},
): Promise<string[]> {
  const options = { keys, url: new URL(url), isPublic };
  return toLines(await diagnose(options, AbortSignal.timeout(10_000)));
}

Deno.test("diagnose() finds that the real server accepts each of its keys", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  const takes = `ok chat completions: ${server.url}/v1/models takes`;
  assertEquals(await look(`${server.url}/agent`), [
    `${takes} the key, and lists one model`,
  ]);
  const [first = "", second = ""] = await look(server.url, {
    keys: [KEY, OTHER],
  });
  assertEquals(first, `${takes} key no. 1, and lists one model`);
  assertMatch(
    second,
    /^fail .* refuses key no\. 2 \(401\) → start the server again/,
  );
});

Deno.test("diagnose() finds that the routes of a real server without keys are closed", async () => {
  await using server = await startServer();
  const [line = ""] = await look(server.url);
  assertMatch(line, /^fail .* is closed \(404\): .* → start the server again/);
});

Deno.test("diagnose() returns nothing without keys", async () => {
  assertEquals(await look(deadUrl(), { keys: [] }), []);
});

Deno.test("diagnose() skips a server that isn't started yet, unless it is public", async () => {
  assertMatch(
    (await look(deadUrl())).join(),
    /^skipped .* no server answers at http:/,
  );
  assertMatch(
    (await look(deadUrl(), { isPublic: true })).join(),
    /^fail .* cannot reach http.* → start the server and the tunnel/,
  );
});

Deno.test("diagnose() detects other servers, and follows no redirect with the key", async () => {
  const asked: string[] = [];
  const places: [Response, RegExp][] = [
    [
      Response.json({ data: [{ object: "model" }, { object: "model" }] }),
      /status 200, not with a list of one model/,
    ],
    [Response.json({ data: "none" }), /status 200, not with a list of one/],
    [new Response("<h1>"), /status 200, not with a list of one model/],
    [new Response("no", { status: 429 }), /status 429/],
    [
      new Response(null, { status: 307, headers: { location: "/elsewhere" } }),
      /status 307/,
    ],
  ];
  for (const [response, says] of places) {
    await using place = serveOn((request) => {
      asked.push(new URL(request.url).pathname);
      return response;
    });
    const [line = ""] = await look(place.url);
    assertMatch(line, /^fail chat completions: .* → \w/);
    assertMatch(line, says);
  }
  assertEquals(new Set(asked), new Set(["/v1/models"]));
});
