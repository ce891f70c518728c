import { assertEquals, assertMatch } from "@std/assert";
import { diagnose } from "../../../src/platforms/openai/diagnosis.ts";
import { toLines } from "../../fakes/check_results.ts";
import { deadUrl, serveOn } from "../../fakes/loopback.ts";
import { startServer } from "../../fakes/server.ts";

const KEY = "key-for-tests-only-0123456789";

async function look(url: string, key = KEY): Promise<string> {
  const signal = AbortSignal.timeout(10_000);
  return toLines([await diagnose(key, new URL(url), signal)]).join();
}

Deno.test("diagnose() finds whether the real server accepts the key", async () => {
  await using server = await startServer({ env: { API_KEYS: KEY } });
  assertEquals(
    await look(`${server.url}/agent`),
    `ok chat completions: ${server.url}/v1/models takes the key`,
  );
  assertMatch(
    await look(server.url, "other-for-tests-only-0123456789"),
    /^fail .* refuses the key \(401\): .* → start the server again/,
  );
});

Deno.test("diagnose() finds that the routes of a real server without keys are closed", async () => {
  await using server = await startServer();
  assertMatch(
    await look(server.url),
    /^fail .* \(404\): the server there has .* none → start the server again/,
  );
});

Deno.test("diagnose() skips a server that isn't started yet", async () => {
  assertMatch(
    await look(deadUrl()),
    /^skipped .* not tried, since no server answers at http.*refused/,
  );
});

Deno.test("diagnose() detects other servers, and follows no redirect with the key", async () => {
  const asked: string[] = [];
  const places: [Response, RegExp][] = [
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
    const line = await look(place.url);
    assertMatch(line, /^fail chat completions: .* → \w/);
    assertMatch(line, says);
  }
  assertEquals(new Set(asked), new Set(["/v1/models"]));
});
