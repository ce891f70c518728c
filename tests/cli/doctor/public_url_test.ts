import { assertEquals, assertMatch } from "@std/assert";
import { checkPublicUrl } from "../../../src/cli/doctor/public_url.ts";
import { startFakeOllama } from "../../fakes/ollama.ts";
import { startServer } from "../../fakes/server.ts";
import { deadUrl, look, patient, serveOn, toLines } from "./_patient.ts";

const SECRET = "whsec_0123456789abcdef";
const SETTINGS = { LAYERCODE_WEBHOOK_SECRET: SECRET, LLM_PROVIDER: "echo" };

async function check(
  url: string,
  env: Record<string, string> = {},
): Promise<string> {
  const publicUrl = new URL(url);
  const of = patient({ ...SETTINGS, ...env }, { publicUrl });
  return toLines(await look(checkPublicUrl, of)).join("\n");
}

/** A tunnel on loopback that passes everything on. */
function tunnelTo(server: string) {
  return serveOn(async (request) => {
    const { pathname } = new URL(request.url);
    const { method, headers } = request;
    const body = method === "POST" ? await request.bytes() : null;
    return await fetch(`${server}${pathname}`, { method, headers, body });
  });
}

Deno.test("checkPublicUrl() has a turn with the real server, through a tunnel", async () => {
  await using server = await startServer({ env: SETTINGS });
  await using tunnel = tunnelTo(server.url);
  const { port: PORT } = new URL(server.url);
  const url = `${tunnel.url}/agent`;
  assertMatch(
    await check(url, { PORT, HOST: "127.0.0.1" }),
    /^ok public URL: Parley [\d.]+ answers there, the one that runs here\nok public URL: a signed turn was answered: first word after \d+ ms, all of it after \d+ ms \(conversation conv_doctor_\w+\)$/,
  );
  assertMatch(await check(url), /^ok .*none runs here\nok .*a signed turn/);
  assertMatch(
    await check(`${tunnel.url}/api/agent`),
    /^ok .*none runs here\nok .*a signed turn/,
  );
  const LAYERCODE_WEBHOOK_SECRET = "whsec_of_somebody_else";
  assertMatch(
    await check(url, { LAYERCODE_WEBHOOK_SECRET }),
    /\nfail .*refuses our signature \(401\): .* → both need the same/,
  );
  assertMatch(
    await check(`${tunnel.url}/webhook`),
    /\nfail .*\/webhook is not the webhook's path \(404\) → try \/agent: http/,
  );
  assertMatch(
    await check(`${tunnel.url}/authorize`),
    /\nfail .*answered with status \d+/,
  );
  assertMatch(
    await check(`${tunnel.url}/health`),
    /\nfail .*\/health is not the webhook's path \(405\)/,
  );
  await using other = await startServer({ env: SETTINGS });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const elsewhere = { PORT: new URL(other.url).port, HOST: "127.0.0.1" };
  // Two servers of one age look alike, so this one is given another model.
  await using ollama = startFakeOllama([]);
  await using third = await startServer({
    env: { ...SETTINGS, LLM_PROVIDER: "ollama", OLLAMA_HOST: ollama.url },
  });
  assertMatch(
    await check(`${third.url}/agent`, elsewhere),
    /^warn .*but another than the one that runs here →/,
  );
});

Deno.test("checkPublicUrl() says so when the model behind it fails", async () => {
  await using server = await startServer({
    env: { ...SETTINGS, LLM_PROVIDER: "ollama", OLLAMA_HOST: deadUrl() },
  });
  assertMatch(
    await check(`${server.url}/agent`),
    /\nfail .*answered with ERROR_MESSAGE: the model there fails/,
  );
});

const HEALTH = {
  status: "ok",
  version: "0.1.0",
  provider: "echo",
  model: "echo",
  uptime_s: 1,
};

/** What is said of a place with this `/health` and this answer to a turn. */
async function checkPlace(
  turn: (request: Request) => Response | Promise<Response>,
  health: () => Response = () => Response.json(HEALTH),
): Promise<string> {
  await using place = serveOn((request) =>
    request.url.endsWith("/health") ? health() : turn(request)
  );
  return await check(`${place.url}/agent`);
}

/** An answer of five pieces: at once after a time, or one after another. */
function stream(buffered: boolean, last = "response.end"): Response {
  const events = [..."abcd"].map((content) => ({
    type: "response.tts",
    content,
  }));
  const pieces = [...events, { type: last }].map((event) =>
    new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`)
  );
  const body = new ReadableStream({
    async pull(controller) {
      const wait = buffered ? (pieces.length === 5 ? 1_250 : 0) : 250;
      await new Promise((resolve) => setTimeout(resolve, wait));
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, {
    headers: { "content-type": "text/event-stream" },
  });
}

Deno.test("checkPublicUrl() finds a proxy that collects the answer first", async () => {
  const [flowing, collected] = await Promise.all([
    checkPlace(() => stream(false)),
    checkPlace(() => stream(true)),
  ]);
  assertMatch(flowing, /ok .*signed turn .*$/);
  assertEquals(flowing.includes("warn"), false);
  assertMatch(
    collected,
    /ok .*signed turn .*\nwarn .*came at once, at its end/,
  );
});

Deno.test("checkPublicUrl() finds an answer that breaks off", async () => {
  assertMatch(
    await checkPlace(() => stream(true, "response.data")),
    /\nfail .*broke off: no response\.end came →/,
  );
});

Deno.test("checkPublicUrl() tells tunnels' and proxies' own pages apart", async () => {
  const page = (status: number, text: string, headers = {}) =>
    new Response(text, { status, headers: { server: "x", ...headers } });
  const pages: [Response, RegExp][] = [
    [page(530, "error code: 1033 cloudflare"), /the tunnel is gone \(530/],
    [page(502, "<h1>Bad gateway</h1> cloudflare"), /tunnel is up, and can't/],
    [
      page(404, "Tunnel not found", { "ngrok-error-code": "ERR_NGROK_3200" }),
      /ngrok can't reach the server \(ERR_NGROK_3200\)/,
    ],
    [page(200, "<html>ERR_NGROK_6024"), /ngrok shows its warning page/],
    [page(502, "nginx"), /a proxy can't reach the server behind it \(502\)/],
    [
      page(301, "", { location: "https://www.example.com/agent" }),
      /redirects \(301\) to https:\/\/www\.example\.com\/agent: what is posted/,
    ],
  ];
  for (const [response, says] of pages) {
    const text = await checkPlace(() => stream(false), () => response.clone());
    assertMatch(text, /^fail public URL: /);
    assertMatch(text, says);
    assertMatch(await checkPlace(() => response.clone()), says);
  }
  const turns: [Response, RegExp][] = [
    [page(403, "no"), /refuses strangers \(403\)/],
    [page(413, "no"), /smaller requests only/],
    [page(500, "no"), /status 500 → look at the server's log/],
    [page(200, "hello"), /status 200 → the address must be Parley's/],
  ];
  for (const [response, says] of turns) {
    assertMatch(await checkPlace(() => response), says);
  }
  assertMatch(
    await checkPlace(() => stream(true), () => page(404, "no")),
    /^warn .*\/health there is not Parley's \(status 404\).*\nok .*signed turn/,
  );
});

Deno.test("checkPublicUrl() explains why nobody is reached", async () => {
  const plain = await check("http://no.invalid/agent");
  assertMatch(
    plain,
    /^warn .*is not encrypted.*\nfail .*its name is not known/,
  );
  const dead = await check(`${deadUrl()}/agent`);
  assertMatch(dead, /^fail .*nothing listens there → start the server and/);
  // A server that speaks no TLS.
  await using place = serveOn(() => new Response(""));
  const url = place.url.replace("http:", "https:");
  assertMatch(await check(`${url}/agent`), /^fail .*TLS/);
});

Deno.test("checkPublicUrl() finds a clock that is off, and a time that is refused", async () => {
  const date = new Date(Date.now() - 3_600_000).toUTCString();
  const message = "The signature is older than five minutes: check the clocks";
  assertMatch(
    await checkPlace(
      () => Response.json({ error: { message } }, { status: 401 }),
      () => Response.json(HEALTH, { headers: { date } }),
    ),
    /\nfail clock: .* ahead of .*\nfail public URL: .*signature's time/,
  );
});

Deno.test("checkPublicUrl() leaves out what it has no address or secret for", async () => {
  const [unset = ""] = toLines(await look(checkPublicUrl, patient()));
  assertMatch(unset, /^skipped public URL: --url/);
  await using place = serveOn(() => Response.json(HEALTH));
  const env = { LAYERCODE_WEBHOOK_SECRET: "", DATA_DIR: "/no/such/folder" };
  assertMatch(
    await check(`${place.url}/agent`, env),
    /\nfail .*no turn was se/,
  );
});
