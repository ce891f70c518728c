/**
 * Who gets the pages of a real server: most of it over raw sockets, since a
 * `Request` made in a test has neither a `Host` line nor a connection.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { createSenderReader } from "../../src/server/address.ts";
import { createGuard } from "../../src/server/guard.ts";
import { HttpError } from "../../src/server/http.ts";
import { UNKNOWN_SENDER } from "../../src/server/router.ts";
import { askRaw, type RawRequest, type RawResponse } from "../_raw.ts";
import { message } from "../fakes/layercode.ts";
import { runProgram, startServer } from "../fakes/server.ts";

const SECRET = { LAYERCODE_WEBHOOK_SECRET: "a secret for tests only" };
const VOICE = { LAYERCODE_API_KEY: "key", LAYERCODE_AGENT_ID: "agent_1" };
const HTML = "accept: text/html,application/xhtml+xml,*/*;q=0.8";
/** Deno puts a garbled `Host` into the address, which may lead nowhere. */
const REFUSALS = [400, 403, 404, 405];
const STRANGER = ["host: parley.local", HTML];

/** What a test knows of a server: where it is, and its token. */
function addressOf({ url, page }: { url: string; page: string }) {
  const port = Number(new URL(url).port);
  const token = new URL(page).searchParams.get("token") ?? "";
  return {
    port,
    token,
    ask: (more: Omit<RawRequest, "port">) => askRaw({ port, ...more }),
  };
}

function isPage({ status, body }: RawResponse): boolean {
  return status === 200 && body.includes("<title>Playground · Parley</title>");
}

/** The `name=value` of the cookie that an answer sets. */
function cookieOf(response: RawResponse): string {
  const [cookie = ""] = response.headers.get("set-cookie")?.split(";") ?? [];
  return cookie;
}

function codeOf({ body }: RawResponse): string {
  return JSON.parse(body).error.code;
}

const TURN = JSON.stringify(message("Good morning"));

/** A turn as the page sends it, with more lines of the head. */
function turn(...head: string[]): Omit<RawRequest, "port"> {
  return {
    line: "POST /playground/turn",
    head: ["content-type: application/json", ...head],
    body: TURN,
  };
}

Deno.test({
  name: "createGuard() needs no token for a loopback Host, and for no other",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({ env: { HOST: "0.0.0.0" } });
    const { port, ask } = addressOf(server);
    for (
      const host of [
        `localhost:${port}`,
        "localhost",
        "LocalHost:8080",
        "127.0.0.1:1",
        "127.8.8.8",
        `[::1]:${port}`,
        "parley.localhost",
        "a.b-c.localhost:3000",
      ]
    ) {
      const answer = await ask({ head: [`host: ${host}`, HTML] });
      assertEquals(isPage(answer), true, host);
    }
    for (
      const host of [
        "203.0.113.5:3000",
        "parley.local",
        "192.168.1.2",
        "0.0.0.0:3000",
        "box:3000",
        "127.0.0.1.evil.com",
        "127.0.0.1.nip.io",
        "localhost.evil.com",
        "evillocalhost",
        "localhost.",
        "localhost.:3000",
        ".localhost",
        "localhost@evil.com",
        "evil.com@localhost",
        "evil.com:@127.0.0.1:3000",
        "evil.com/@localhost",
        "localhost#.evil.com",
        "localhost:3000, evil.com",
        "localhost:",
        "localhost:x",
        "[::ffff:203.0.113.5]",
        "[::1",
        "[::1].evil.com",
        "127.1",
        "2130706433",
        "",
        "%",
      ]
    ) {
      const page = await ask({ head: [`host: ${host}`, HTML] });
      assert(REFUSALS.includes(page.status), `${host}: ${page.status}`);
      const { status } = await ask(turn(`host: ${host}`));
      assert(REFUSALS.includes(status), `${host}: a turn, ${status}`);
    }
    for (
      const head of [[], ["host: localhost", "host: evil.com"], [
        "host: evil.com",
        "host: localhost",
      ]]
    ) {
      const answer = await ask({ head: [...head, HTML] });
      assert(REFUSALS.includes(answer.status), `${head}: ${answer.status}`);
    }
    const line = `GET http://localhost:${port}/`;
    const absolute = await ask({ line, head: STRANGER });
    assert(REFUSALS.includes(absolute.status), "an absolute address");
  },
});

/** This machine's own addresses of IPv4, other than the loopback's. */
async function ownAddresses(): Promise<string[]> {
  try {
    const { stdout } = await new Deno.Command("hostname", { args: ["-I"] })
      .output();
    return new TextDecoder().decode(stdout).split(/\s+/)
      .filter((address) => /^[\d.]+$/.test(address));
  } catch {
    // Not every system has the command, nor the flag.
    return [];
  }
}

const [outside] = await ownAddresses();

Deno.test({
  name: "createGuard() lets no other machine in, whatever it names" +
    (outside
      ? ""
      : " (left out: hostname -I tells no address of this machine)"),
  ignore: outside === undefined,
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({ env: { HOST: "0.0.0.0" } });
    const { ask, token } = addressOf(server);
    const hostname = outside ?? "";
    for (const host of ["localhost", "127.0.0.1", hostname]) {
      const head = [`host: ${host}`, HTML];
      assertEquals((await ask({ hostname, head })).status, 403, host);
      const turned = await ask({ hostname, ...turn(`host: ${host}`) });
      assertEquals(turned.status, 403, host);
      const line = `GET /?token=${token}`;
      const entered = await ask({ hostname, line, head });
      assertEquals(entered.status, 303, host);
      const cookie = `cookie: ${cookieOf(entered)}`;
      assert(isPage(await ask({ hostname, head: [...head, cookie] })), host);
    }
  },
});

Deno.test("createGuard() recognizes this machine by the connection's address", async () => {
  const guard = createGuard({
    token: "a token for tests only",
    hasSecret: false,
    locked: () => new Response("locked", { status: 403 }),
    checkSecret: () => undefined,
  });
  const route = guard.route(() => new Response("in"));
  const readSender = createSenderReader();
  const ask = async (address: string) => {
    const headers = { host: "localhost:3000" };
    const request = new Request("http://localhost:3000/", { headers });
    try {
      return (await route(request, readSender(address, request))).status;
    } catch (error) {
      assert(error instanceof HttpError);
      return error.status;
    }
  };
  for (const address of ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(await ask(address), 200, address);
  }
  for (
    const address of ["172.17.0.1", "8.8.8.8", "::ffff:8.8.8.8", "fe80::1", ""]
  ) {
    assertEquals(await ask(address), 403, address);
  }
  assertEquals(await ask(UNKNOWN_SENDER.address), 403);
});

Deno.test({
  name: "createGuard() needs a token through a proxy or a tunnel",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer();
    const { ask } = addressOf(server);
    // What a trusted proxy says of the address is believed, and lets nobody in.
    await using behind = await startServer({
      env: { TRUSTED_PROXIES: "127.0.0.0/8" },
    });
    const forged = ["host: localhost", "x-forwarded-for: 127.0.0.1", HTML];
    const { status } = await addressOf(behind).ask({ head: forged });
    assertEquals(status, 403);
    for (
      const header of [
        "forwarded: for=127.0.0.1",
        "X-Forwarded-For: 127.0.0.1",
        "x-forwarded-host: localhost",
        "x-forwarded-proto: http",
        "X-FORWARDED-SERVER: box",
        "Via: 1.1 box",
        "via:",
      ]
    ) {
      const head = ["host: localhost", header];
      const page = await ask({ head: [...head, HTML] });
      assertEquals(page.status, 403, header);
      assertEquals((await ask(turn(...head))).status, 403, header);
    }
    for (const header of ["dnt: 1", "x-request-id: 1", "viaduct: 1"]) {
      const head = ["host: localhost", HTML, header];
      assert(isPage(await ask({ head })), header);
    }
  },
});

Deno.test({
  name:
    "createGuard() allows a stranger by the printed address, and sets a cookie",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({ env: { HOST: "0.0.0.0" } });
    const { ask, token, port } = addressOf(server);
    assertEquals(server.page, `http://localhost:${port}/?token=${token}`);
    assertMatch(token, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const host = "host: 203.0.113.5:3000";

    const entered = await ask({
      line: `GET /?token=${token}`,
      head: [host, HTML],
    });
    assertEquals(entered.status, 303);
    assertEquals(entered.headers.get("location"), "/");
    assertEquals(entered.headers.get("cache-control"), "no-store");
    assertMatch(
      entered.headers.get("set-cookie") ?? "",
      /^parley_3000=[0-9a-f]{64}; HttpOnly; SameSite=Lax; Path=\/$/,
    );
    const cookie = `cookie: ${cookieOf(entered)}`;
    assertEquals(cookie.includes(token), false);

    assert(isPage(await ask({ head: [host, HTML, cookie] })));
    const answer = await ask(turn(host, cookie));
    assertEquals(answer.status, 200);
    assertStringIncludes(answer.body, "response.end");
    assertEquals(codeOf(await ask(turn(host))), "token_required");
    // The cookie is bound to the port that the browser names.
    const elsewhere = ["host: 203.0.113.5:3001", HTML, cookie];
    assertEquals((await ask({ head: elsewhere })).status, 403);
  },
});

Deno.test({
  name: "createGuard() removes the token from the address, and nothing else",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({ env: VOICE });
    const { ask, token } = addressOf(server);
    for (
      const [path, location] of [
        [`/?token=${token}&a=1`, "/?a=1"],
        [`/voice?token=${token}`, "/voice"],
        [`/voice/?a=1&token=${token}&b=2`, "/voice/?a=1&b=2"],
        [`//?token=${token}`, "/"],
        [`/?token=${token}&token=wrong`, "/"],
      ]
    ) {
      const answer = await ask({ line: `GET ${path}`, head: STRANGER });
      assertEquals(answer.status, 303, path);
      assertEquals(answer.headers.get("location"), location, path);
    }
    const line = `HEAD /?token=${token}`;
    const head = await ask({ line, head: STRANGER });
    assertEquals([head.status, head.body], [303, ""]);
    // Whoever may enter anyway is not turned away for an earlier start's token.
    const own = ["host: localhost", HTML];
    const old = await ask({
      line: "GET /?token=of-an-earlier-start",
      head: own,
    });
    assertEquals([old.status, old.headers.get("location")], [303, "/"]);
    assertEquals(old.headers.get("set-cookie"), null);
  },
});

Deno.test({
  name: "createGuard() sets a secure cookie where the sender came by https",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer();
    const { ask, token } = addressOf(server);
    const line = `GET /?token=${token}`;
    for (
      const [proto, isSecure] of [["https", true], ["https,http", true], [
        "http",
        false,
      ]] as const
    ) {
      const head = ["host: parley.test", `x-forwarded-proto: ${proto}`];
      const answer = await ask({ line, head });
      const cookie = answer.headers.get("set-cookie") ?? "";
      assertEquals(/; Secure(;|$)/.test(cookie), isSecure, proto);
      assertMatch(cookie, /^parley_web=/);
    }
  },
});

Deno.test({
  name: "createGuard() refuses every wrong token, to a browser by a page",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer();
    const { ask, token } = addressOf(server);
    for (
      const query of [
        "token=",
        "token=wrong",
        `token=${token.slice(0, -1)}`,
        `token=${token}0`,
        `token=${token.toUpperCase()}x`,
        `token=wrong&token=${token}`,
        `Token=${token}`,
        `token[]=${token}`,
        `token=${"a".repeat(1_500)}`,
        "token=%00%ff",
      ]
    ) {
      const line = `GET /?${query}`;
      const page = await ask({ line, head: STRANGER });
      assertEquals(page.status, 403, query);
      assertEquals(page.headers.get("set-cookie"), null, query);
      assertMatch(page.headers.get("content-type") ?? "", /^text\/html/);
      assertStringIncludes(page.body, "needs its token");
      assertEquals(page.body.includes(token), false, query);
      const head = await ask({ line: `HEAD /?${query}`, head: STRANGER });
      assertEquals([head.status, head.body], [403, ""], query);
      if (!query.startsWith("token=")) continue;
      const program = await ask({ line, head: ["host: parley.local"] });
      assertEquals(program.status, 403, query);
      assertEquals(codeOf(program), "token_required");
    }
  },
});

Deno.test({
  name: "createGuard() finds the cookie among others, and checks only a few",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer();
    const { ask, token } = addressOf(server);
    const host = "host: parley.test";
    const entered = await ask({ line: `GET /?token=${token}`, head: [host] });
    const cookie = cookieOf(entered);
    const [name = "", value = ""] = cookie.split("=");
    const enters = async (...lines: string[]) => {
      const { status } = await ask({ head: [host, HTML, ...lines] });
      return status;
    };
    for (
      const lines of [
        [`cookie: a=1; ${cookie}; b=2`],
        [`cookie: ${name}=wrong; ${cookie}`],
        [`cookie: ${cookie};${name}=wrong`],
        [`cookie: ${name}=wrong`, `cookie: ${cookie}`],
      ]
    ) {
      assertEquals(await enters(...lines), 200, lines.join());
    }
    for (
      const line of [
        `cookie: ${name}=`,
        `cookie: ${name}=${token}`,
        `cookie: ${name}=${value}0`,
        `cookie: ${name}="${value}"`,
        `cookie: x${cookie}`,
        `cookie: a=${cookie}`,
        `cookie: ${name.toUpperCase()}=${value}`,
      ]
    ) {
      assertEquals(await enters(line), 403, line);
    }
    // As many as a head may hold, and more: the server lives on.
    for (const times of [500, 20_000]) {
      const many = `cookie: ${`${name}=${"0".repeat(9)}; `.repeat(times)}`;
      const answer = await enters(many).catch(() => 0);
      assert([0, 400, 403, 431].includes(answer), `${times}: ${answer}`);
    }
    assertEquals(await enters(`cookie: ${cookie}`), 200);
  },
});

Deno.test({
  name: "createGuard() lets no other site's page send a turn",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer();
    const { ask, port } = addressOf(server);
    const host = `host: localhost:${port}`;
    for (
      const head of [
        [],
        ["sec-fetch-site: same-origin"],
        ["sec-fetch-site: none"],
        [`origin: http://localhost:${port}`],
        // Behind a proxy that writes a `Host` of its own.
        ["sec-fetch-site: same-origin", "origin: https://parley.example"],
      ]
    ) {
      assertEquals((await ask(turn(host, ...head))).status, 200, head.join());
    }
    for (
      const head of [
        ["sec-fetch-site: cross-site"],
        ["sec-fetch-site: same-site", `origin: http://localhost:${port}`],
        ["origin: https://example.com"],
        ["origin: http://localhost:5173"],
        [`origin: http://127.0.0.1:${port}`],
        ["origin: null"],
        ["origin: file://"],
        ["origin:"],
      ]
    ) {
      const answer = await ask(turn(host, ...head));
      assertEquals(answer.status, 403, head.join());
      assertEquals(codeOf(answer), "cross_site");
    }
    // A link of another site may lead to the page.
    const link = [host, HTML, "sec-fetch-site: cross-site"];
    assert(isPage(await ask({ head: link })));
  },
});

Deno.test({
  name:
    "main.ts requires the token once a secret is set, from this machine too",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({
      env: { ...SECRET, ...VOICE, PLAYGROUND: "on" },
    });
    const { ask, token } = addressOf(server);
    const host = "host: localhost";
    for (const path of ["/", "/voice"]) {
      const line = `GET ${path}`;
      const answer = await ask({ line, head: [host, HTML] });
      assertEquals(answer.status, 403, path);
      assertStringIncludes(answer.body, "needs its token");
    }
    const home = await ask({ head: [host] });
    assertEquals(home.status, 200);
    assertEquals(JSON.parse(home.body).name, "parley");
    assertMatch(JSON.parse(home.body).playground, /printed/);
    assertEquals((await ask(turn(host))).status, 403);
    const entered = await ask({ line: `GET /?token=${token}`, head: [host] });
    const cookie = `cookie: ${cookieOf(entered)}`;
    assert(isPage(await ask({ head: [host, HTML, cookie] })));
    const voice = await ask({ line: "GET /voice", head: [host, cookie] });
    assertEquals(voice.status, 200);
  },
});

Deno.test({
  name: "main.ts keeps /voice behind the token where the playground is off",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using server = await startServer({ env: { ...SECRET, ...VOICE } });
    const { ask, token, port } = addressOf(server);
    assertEquals(server.page, `http://localhost:${port}/voice?token=${token}`);
    const home = await ask({ head: STRANGER });
    assertEquals(Object.keys(JSON.parse(home.body)), [
      "name",
      "version",
      "webhook",
    ]);
    const line = `GET /voice?token=${token}`;
    const cookie = `cookie: ${cookieOf(await ask({ line, head: STRANGER }))}`;
    const page = { line: "GET /voice", head: ["host: parley.local"] };
    const refused = await ask(page);
    assertEquals(refused.status, 403);
    assertEquals(codeOf(refused), "token_required");
    const got = await ask({ ...page, head: [...page.head, cookie] });
    assertEquals(got.status, 200);
  },
});

Deno.test({
  name:
    "main.ts makes a token at each start, unless PLAYGROUND_TOKEN is set, which stays out of a JSON log",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await using first = await startServer();
    await using second = await startServer();
    assertNotEquals(addressOf(first).token, addressOf(second).token);

    const PLAYGROUND_TOKEN = "fixed & of 21 letters";
    let cookie = "";
    for (const start of [1, 2]) {
      await using server = await startServer({ env: { PLAYGROUND_TOKEN } });
      assertMatch(server.page, /\?token=<PLAYGROUND_TOKEN>$/);
      assertEquals(JSON.stringify(server.lines).includes("of 21"), false);
      const { ask } = addressOf(server);
      const host = "host: parley.test";
      if (start === 1) {
        const line = `GET /?token=${encodeURIComponent(PLAYGROUND_TOKEN)}`;
        cookie = cookieOf(await ask({ line, head: [host] }));
      }
      const head = [host, HTML, `cookie: ${cookie}`];
      assert(isPage(await ask({ head })), `start ${start}`);
    }
  },
});

Deno.test("main.ts refuses to start with a token that can be guessed", async () => {
  const { code, stderr } = await runProgram("main.ts", [], {
    env: { PORT: "0", PLAYGROUND_TOKEN: "hunter2hunter22" },
  });
  assertEquals(code, 1);
  assertMatch(stderr, /PLAYGROUND_TOKEN.*16 characters.*openssl rand -hex 24/);
  assertEquals(stderr.includes("hunter2"), false);
});

Deno.test("createGuard() compares no more than 30 wrong tokens of an address in a minute", async () => {
  await using server = await startServer();
  const { ask, token } = addressOf(server);
  const head = ["host: parley.test"];
  for (let n = 0; n < 15; n++) {
    const byToken = await ask({ line: `GET /?token=${n}`, head });
    const cookie = `cookie: parley_web=${n}`;
    const byCookie = await ask({ head: [...head, cookie] });
    assertEquals([byToken.status, byCookie.status], [403, 200]);
  }
  const limited = await ask({ line: `GET /?token=${token}`, head });
  assertEquals(limited.status, 429);
  assertEquals(codeOf(limited), "rate_limited");
  // Whoever shows nothing guesses nothing.
  assertEquals((await ask({ head })).status, 200);
});
