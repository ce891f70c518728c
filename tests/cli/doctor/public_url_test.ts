import { assertEquals, assertMatch } from "@std/assert";
import { checkPublicUrl } from "../../../src/cli/doctor/public_url.ts";
import { toLines } from "../../fakes/check_results.ts";
import { deadUrl, inFolder, serveOn } from "../../fakes/loopback.ts";
import { startServer } from "../../fakes/server.ts";

const SECRET = "whsec_0123456789abcdef";
const SETTINGS = { LAYERCODE_WEBHOOK_SECRET: SECRET, LLM_PROVIDER: "echo" };

async function check(
  url: string | undefined,
  secret: string | undefined = SECRET,
  dataDir = "/nowhere",
): Promise<string> {
  const config = { webhookSecrets: secret === "" ? [] : [secret], dataDir };
  const address = url === undefined ? undefined : new URL(url);
  const signal = AbortSignal.timeout(20_000);
  return toLines([await checkPublicUrl(address, config, signal)]).join("\n");
}

Deno.test("checkPublicUrl() sends a turn only where it has an address and a secret", () =>
  inFolder(async (folder) => {
    assertEquals(
      await check(undefined),
      "skipped public URL: --url https://… sends a turn through your tunnel",
    );
    const url = `${deadUrl()}/agent`;
    assertEquals(
      await check(url, "", folder),
      "fail public URL: no turn was sent: there is no webhook secret to sign it with → " +
        "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
    );
    await Deno.writeTextFile(`${folder}/webhook-secret`, "secret");
    assertMatch(
      await check(url, "", folder),
      /^fail public URL: cannot reach http/,
    );
  }));

/** A tunnel on loopback that passes everything on. */
function tunnelTo(server: string) {
  return serveOn(async (request) => {
    const { pathname } = new URL(request.url);
    const { method, headers } = request;
    const body = method === "POST" ? await request.bytes() : null;
    return await fetch(`${server}${pathname}`, { method, headers, body });
  });
}

Deno.test("checkPublicUrl() sends the real server a turn through a tunnel", async () => {
  await using server = await startServer({ env: SETTINGS });
  await using tunnel = tunnelTo(server.url);
  const answered =
    /^ok public URL: a signed turn was answered by echo, echo: first word after \d+ ms, all of it after \d+ ms$/;
  assertMatch(await check(`${tunnel.url}/agent`), answered);
  assertMatch(await check(`${tunnel.url}/api/agent`), answered);
  assertMatch(
    await check(`${tunnel.url}/agent`, "whsec_of_somebody_else"),
    /^fail .*refuses our signature or key \(401\): .* → both need the same/,
  );
  assertMatch(
    await check(`${tunnel.url}/webhook`),
    /^fail .*\/webhook did not answer as Parley does \(404\): There is nothing at this path → check the address: its path is \/agent/,
  );
  assertMatch(
    await check(`${tunnel.url}/health`),
    /^fail .*\/health did not answer as Parley does \(405\): This path takes GET/,
  );
});

Deno.test("checkPublicUrl() says so when the model behind it fails", async () => {
  await using server = await startServer({
    env: { ...SETTINGS, LLM_PROVIDER: "ollama", OLLAMA_HOST: deadUrl() },
  });
  assertMatch(
    await check(`${server.url}/agent`),
    /^fail .*answered with ERROR_MESSAGE: the model there fails/,
  );
});

/** What is said of a place that answers a turn like this. */
async function checkPlace(turn: () => Response): Promise<string> {
  await using place = serveOn(turn);
  return await check(`${place.url}/agent`);
}

Deno.test("checkPublicUrl() finds an answer that breaks off", async () => {
  const words = 'data: {"type":"response.tts","content":"Well, "}\n\n';
  const headers = { "content-type": "text/event-stream" };
  assertMatch(
    await checkPlace(() => new Response(words, { headers })),
    /^fail .*broke off after \d+ ms: the stream ended too early →/,
  );
});

Deno.test("checkPublicUrl() explains the answers of tunnels, proxies and other servers", async () => {
  const page = (status: number, text: string, headers = {}) =>
    new Response(text, { status, headers: { server: "x", ...headers } });
  const elsewhere = (status: number) =>
    new RegExp(
      `/agent did not answer as Parley does \\(${status}\\) → check the address.*` +
        "tunnel.* start the server, and the tunnel or proxy .* let a POST through; see the server's log$",
    );
  const pages: [Response, RegExp][] = [
    [page(530, "error code: 1033"), elsewhere(530)],
    [page(502, "<h1>Bad gateway</h1>"), elsewhere(502)],
    [
      page(404, "Tunnel not found", { "ngrok-error-code": "ERR_NGROK_3200" }),
      elsewhere(404),
    ],
    [page(403, "no"), elsewhere(403)],
    [page(500, "no"), elsewhere(500)],
    [page(200, "hello"), elsewhere(200)],
    [
      page(301, "", { location: "https://www.example.com/agent" }),
      /redirects \(301\) to https:\/\/www\.example\.com\/agent: the body of a POST gets lost/,
    ],
    [
      Response.json({ error: { message: "Check the clocks" } }, {
        status: 401,
      }),
      /refuses our signature or key \(401\): Check the clocks/,
    ],
  ];
  for (const [response, says] of pages) {
    const text = await checkPlace(() => response);
    assertMatch(text, /^fail public URL: .* → \w/);
    assertMatch(text, says);
  }
});

Deno.test("checkPublicUrl() says why the server can't be reached", async () => {
  assertMatch(
    await check(`${deadUrl()}/agent`),
    /^fail .*cannot reach http.*refused.* → start the server and the tunnel/,
  );
  // A server that speaks no TLS.
  await using place = serveOn(() => new Response(""));
  const url = place.url.replace("http:", "https:");
  assertMatch(await check(`${url}/agent`), /^fail .*cannot reach https/);
  const late = AbortSignal.abort(new Error("too late"));
  assertEquals(
    (await checkPublicUrl(
      new URL(place.url),
      { webhookSecrets: [SECRET], dataDir: "/nowhere" },
      late,
    )).status,
    "fail",
  );
});
