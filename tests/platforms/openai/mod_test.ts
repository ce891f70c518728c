import { assertEquals, assertStringIncludes } from "@std/assert";
import { createScriptedProvider, says } from "../../fakes/provider.ts";
import { KEY, makeApi, messages, post } from "./_api.ts";

const body = { messages: messages(">Hello") };

function models(headers: Record<string, string>): Request {
  return new Request("http://parley.test/v1/models", { headers });
}

Deno.test("openai() accepts a key with Bearer, without it, or in x-api-key", async () => {
  const { handle } = makeApi(createScriptedProvider(says("Hi.")));
  for (
    const headers of [
      { authorization: `Bearer ${KEY}` },
      { authorization: `bearer  ${KEY}` },
      { authorization: KEY },
      { "x-api-key": KEY },
      { "x-api-key": KEY, authorization: "" },
      { "x-api-key": KEY, authorization: "Bearer " },
      { authorization: "Bearer another-key-of-mine" },
    ]
  ) {
    const response = await handle(models(headers as Record<string, string>));
    assertEquals(response.status, 200);
    const { object, data } = await response.json();
    assertEquals(object, "list");
    assertEquals(data.map(({ id }: { id: string }) => id), ["parley"]);
  }
});

Deno.test("openai() refuses requests without a key in OpenAI's format, and logs no key", async () => {
  const { handle, lines, store } = makeApi(
    createScriptedProvider(says("Hi.")),
  );
  for (const given of ["", "Bearer", `${KEY}x`, KEY.slice(1), `Basic ${KEY}`]) {
    const response = await handle(post(body, { authorization: given }));
    assertEquals(response.status, 401);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    const { error } = await response.json();
    assertEquals([error.type, error.code], [
      "invalid_request_error",
      "invalid_api_key",
    ]);
  }
  assertStringIncludes(lines.join("\n"), "completions.refused");
  assertEquals(lines.join("\n").includes(KEY.slice(1)), false);
  assertEquals((await store.list()).sessions, []);
});

Deno.test("openai() limits wrong keys, but still accepts the right key of an address that has sent it before", async () => {
  let at = 1_000_000;
  const { handle } = makeApi(createScriptedProvider(says("Hi.")), {
    now: () => at,
  });
  const ask = async (key: string, address: string) => {
    const request = models({ authorization: `Bearer ${key}` });
    const response = await handle(request, { address });
    await response.body?.cancel();
    return response;
  };
  assertEquals((await ask(KEY, "192.0.2.1")).status, 200);
  for (let n = 0; n < 30; n++) {
    assertEquals((await ask(`guess-number-${n}`, "192.0.2.1")).status, 401);
    assertEquals((await ask(`guess-number-${n}`, "192.0.2.2")).status, 401);
  }
  for (const address of ["192.0.2.1", "192.0.2.2"]) {
    const limited = await ask("guess-number-30", address);
    assertEquals(limited.status, 429);
    assertEquals(limited.headers.get("retry-after"), "60");
  }
  assertEquals((await ask(KEY, "192.0.2.1")).status, 200);
  assertEquals((await ask(KEY, "192.0.2.2")).status, 429);
  assertEquals((await ask(KEY, "192.0.2.3")).status, 200);
  at += 60_000;
  assertEquals((await ask(KEY, "192.0.2.2")).status, 200);
});
