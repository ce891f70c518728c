import { assertEquals, assertMatch } from "@std/assert";
import { checkPort, explainPort } from "../../../src/cli/doctor/port.ts";
import { startFakeOllama } from "../../fakes/ollama.ts";
import { deadUrl, look, patient, serveOn, toLines } from "./_patient.ts";

async function check(env: Record<string, string>): Promise<string> {
  return toLines(await look(checkPort, patient(env))).join();
}

Deno.test("checkPort() finds a free port, and one that is taken", async () => {
  assertEquals(await check({ PORT: "0" }), "ok port: any that is free");
  const { port } = new URL(deadUrl());
  assertEquals(await check({ PORT: port }), `ok port: ${port} is free`);
  await using other = serveOn(() => Response.json({ status: "ok" }));
  const taken =
    /^fail port: \d+ is taken by something that is not Parley → set PORT .*(lsof|netstat)/;
  assertMatch(await check({ PORT: other.port }), taken);
  // What listens and says nothing at all.
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertMatch(await check({ PORT: String(mute.addr.port) }), taken);
});

Deno.test("checkPort() finds a Parley that runs here, and one with older settings", async () => {
  await using server = serveOn(() =>
    Response.json({
      status: "ok",
      version: "0.1.0",
      provider: "echo",
      model: "echo",
      uptime_s: 1,
    })
  );
  const PORT = server.port;
  const here = "ok port: Parley 0.1.0 is running here (echo, echo)";
  assertEquals(await check({ PORT, LLM_PROVIDER: "echo" }), here);
  // A server that found nothing else and will give way to Ollama by itself.
  await using ollama = startFakeOllama([]);
  for (const [host, more] of [[deadUrl(), ""], [ollama.url, "; ollama"]]) {
    const of = patient({ PORT, OLLAMA_HOST: "" });
    of.config.vendors.ollama.host = host ?? "";
    assertMatch(
      toLines(await look(checkPort, of)).join(),
      more
        ? /^ok .*; ollama is there, and answers from its next turn on$/
        : /^ok [^;]*$/,
    );
  }
  const GOOGLE_GENERATIVE_AI_API_KEY = "k";
  assertMatch(
    await check({ PORT, GOOGLE_GENERATIVE_AI_API_KEY }),
    /^warn .*running here \(echo, echo\), but the settings are for gemini, gemini-3\.5-flash-lite → start the server again/,
  );
});

Deno.test("checkPort() finds a HOST that is not this machine's", async () => {
  const { port: PORT } = new URL(deadUrl());
  assertMatch(
    // Of the documentation's own addresses, RFC 5737.
    await check({ PORT, HOST: "192.0.2.1" }),
    /^fail port: cannot listen on 192\.0\.2\.1: .* → HOST must be an address/,
  );
});

Deno.test("explainPort() says that low ports need rights", () => {
  const error = new Deno.errors.PermissionDenied("os error 13");
  const result = explainPort(error, { port: 80, hostname: "0.0.0.0" });
  assertMatch(
    toLines([result]).join(),
    /^fail port: this user may not listen on 80 → set PORT to 1024 or more/,
  );
});
