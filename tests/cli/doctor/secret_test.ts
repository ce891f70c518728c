import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  checkSecret,
  looksLikeExample,
} from "../../../src/cli/doctor/secret.ts";
import { HttpError, parseJson } from "../../../src/server/http.ts";
import { parseEvent } from "../../../src/platforms/layercode/events.ts";
import { verify } from "../../../src/platforms/layercode/verify.ts";
import { startServer } from "../../fakes/server.ts";
import { inFolder, look, patient, serveOn, toLines } from "./_patient.ts";

const GOOD = "whsec_0123456789abcdef";

async function check(env: Record<string, string>): Promise<string> {
  return toLines(await look(checkSecret, patient(env))).join("\n");
}

Deno.test("checkSecret() judges a secret by its looks, and never shows it", async () => {
  const cases: [string, RegExp][] = [
    [GOOD, /^ok webhook secret: LAYERCODE_WEBHOOK_SECRET is set$/],
    ["your_webhook_secret", /^fail .*an example → copy it again from the/],
    ["changeme", /^fail .*an example/],
    ["<secret>", /^fail .*an example/],
    ["tooshort1", /^warn .*has only 9 characters/],
    ['"whsec_0123456789abcdef"', /^warn .*white space or quotes/],
    ["whsec_0123 456789abcdef", /^warn .*white space or quotes/],
  ];
  for (const [LAYERCODE_WEBHOOK_SECRET, says] of cases) {
    const text = await check({ LAYERCODE_WEBHOOK_SECRET });
    assertMatch(text, says);
    assertEquals(text.includes(LAYERCODE_WEBHOOK_SECRET), false);
  }
  assertMatch(
    await check({ LAYERCODE_WEBHOOK_SECRET: `${GOOD},tooshort` }),
    /^ok .*\(no\. 1\) is set\nwarn .*\(no\. 2\) has only 8/,
  );
  assertEquals(looksLikeExample("secretive-but-real-0123"), false);
});

Deno.test("checkSecret() looks at the one that was made, and at who may read it", () =>
  inFolder(async (DATA_DIR) => {
    assertMatch(await check({ DATA_DIR }), /^ok .*not set: one is made on/);
    const path = `${DATA_DIR}/webhook-secret`;
    await Deno.writeTextFile(path, `${GOOD}\n`, { mode: 0o600 });
    assertMatch(
      await check({ DATA_DIR }),
      /^ok .*the one made in .*secret\. L/,
    );
    if (Deno.build.os === "windows") return;
    await Deno.chmod(path, 0o644);
    assertMatch(
      await check({ DATA_DIR }),
      /^warn .*can be read by others \(mode 644\) → chmod 600/,
    );
  }));

Deno.test("checkSecret() asks the server that runs here", async () => {
  let theirs = GOOD;
  let clockOffSeconds = 0;
  await using server = serveOn(async (request) => {
    if (request.url.endsWith("/health")) {
      const [version, provider, model] = ["0.1.0", "echo", "echo"];
      return Response.json({ status: "ok", version, provider, model });
    }
    const body = await request.bytes();
    const refusal = verify({
      signature: request.headers.get("layercode-signature"),
      body,
      secrets: [theirs],
      nowSeconds: Date.now() / 1000 + clockOffSeconds,
    });
    if (refusal === undefined) {
      const error = assertThrows(() => parseEvent(parseJson(body)), HttpError);
      return error.toResponse();
    }
    const message = refusal === "expired" ? "check the clocks" : "no match";
    return Response.json({ error: { message } }, { status: 401 });
  });
  const env = { PORT: server.port, LAYERCODE_WEBHOOK_SECRET: GOOD };
  assertMatch(await check(env), /\nok .*the running server takes what is/);
  clockOffSeconds = 1000;
  assertMatch(await check(env), /\nfail .*refuses the signature's time/);
  clockOffSeconds = 0;
  theirs = "another";
  assertMatch(
    await check(env),
    /\nfail .*the running server has another secret → start the server again/,
  );
  const both = { ...env, LAYERCODE_WEBHOOK_SECRET: `another,${GOOD}` };
  assertMatch(await check(both), /\nok .*no\. 1\nfail .*than no\. 2/);
});

Deno.test("checkSecret() leaves no warning in the log of the server that it asks", async () => {
  await using server = await startServer({
    env: { LAYERCODE_WEBHOOK_SECRET: GOOD, HOST: "127.0.0.1" },
  });
  const before = server.lines.length;
  const PORT = new URL(server.url).port;
  const found = await check({ PORT, LAYERCODE_WEBHOOK_SECRET: GOOD });
  assertMatch(found, /\nok .*the running server takes what is/);
  await server.stop("SIGTERM");
  assertEquals(
    server.lines.slice(before).map(({ event }) => event),
    ["server.stopping", "server.stopped"],
  );
});
