import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  HttpError,
  json,
  MAX_BODY_BYTES,
  parseJson,
  readBody,
} from "../../src/server/http.ts";
import { startServer } from "../fakes/server.ts";

/** A request with this body, declared as JSON unless a test says otherwise. */
function post(
  body: BodyInit | null,
  headers: Record<string, string> = {},
): Request {
  return new Request("http://parley.test/agent", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

/** A body that comes in chunks, and how much of it was taken. */
function chunked(chunks: Iterable<Uint8Array>) {
  const taken = { bytes: 0, cancelled: false };
  const iterator = chunks[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const { done, value } = iterator.next();
      if (done) return controller.close();
      taken.bytes += value.length;
      controller.enqueue(value);
    },
    cancel() {
      taken.cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { body, taken };
}

function* endless(size: number): Generator<Uint8Array> {
  while (true) yield new Uint8Array(size);
}

/** What a sender is told about a request that is refused. */
async function refusal(request: Request): Promise<[number, string]> {
  const error = await assertRejects(() => readBody(request), HttpError);
  return [error.status, error.code];
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

Deno.test("readBody() returns the bytes as they came", async () => {
  const raw = Uint8Array.of(0x20, 0xef, 0xbb, 0xbf, 0xff, 0x00, 0x0a);
  assertEquals(await readBody(post(raw)), raw);
});

Deno.test("readBody() assembles a body that comes byte by byte", async () => {
  const raw = bytes('{"text":"Grüße 👋"}');
  const { body } = chunked(Array.from(raw, (byte) => Uint8Array.of(byte)));
  assertEquals(await readBody(post(body)), raw);
});

for (const body of [null, ""]) {
  Deno.test(`readBody() returns no bytes for a body that is ${JSON.stringify(body)}`, async () => {
    assertEquals(await readBody(post(body)), new Uint8Array());
  });
}

for (
  const type of [
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "application/json ; charset=utf-8",
    "APPLICATION/JSON",
  ]
) {
  Deno.test(`readBody() takes content-type: ${type}`, async () => {
    const body = await readBody(post("{}", { "content-type": type }));
    assertEquals(body, bytes("{}"));
  });
}

for (
  const type of [
    "text/plain",
    "text/plain; a=application/json",
    "text/json",
    "application/jsonp",
    "application/json-patch+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application",
    "",
  ]
) {
  Deno.test(`readBody() refuses content-type: ${type || "(empty)"}`, async () => {
    const request = post("{}", { "content-type": type });
    assertEquals(await refusal(request), [415, "unsupported_media_type"]);
  });
}

Deno.test("readBody() refuses a body without content-type", async () => {
  const request = post(bytes("{}"));
  request.headers.delete("content-type");
  assertEquals(await refusal(request), [415, "unsupported_media_type"]);
});

Deno.test("readBody() takes a body of exactly the largest size", async () => {
  const body = await readBody(post(new Uint8Array(MAX_BODY_BYTES)));
  assertEquals(body.length, 1024 * 1024);
});

Deno.test("readBody() refuses a body of one byte more", async () => {
  const request = post(new Uint8Array(MAX_BODY_BYTES + 1));
  assertEquals(await refusal(request), [413, "too_large"]);
});

Deno.test("readBody() reads nothing of a body that is declared too large", async () => {
  const { body, taken } = chunked([bytes("{}")]);
  const length = String(MAX_BODY_BYTES + 1);
  const request = post(body, { "content-length": length });
  assertEquals(await refusal(request), [413, "too_large"]);
  assertEquals(taken.bytes, 0);
});

// A server lets no more through than a length that is a number.
for (const length of [undefined, "-1", "many"]) {
  Deno.test(`readBody() stops reading an endless body of content-length: ${length}`, async () => {
    const size = 64 * 1024;
    const { body, taken } = chunked(endless(size));
    const headers = length === undefined ? {} : { "content-length": length };
    const request = post(body, headers as Record<string, string>);
    assertEquals(await refusal(request), [413, "too_large"]);
    assert(taken.bytes <= MAX_BODY_BYTES + 2 * size, `${taken.bytes} taken`);
    assertEquals(taken.cancelled, true);
  });
}

Deno.test("readBody() refuses a body that breaks off", async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytes("{")),
    pull: (controller) => controller.error(new Error("connection reset")),
  });
  const error = await assertRejects(() => readBody(post(body)), HttpError);
  assertEquals(error.status, 400);
  assertEquals(error.message.includes("connection reset"), false);
});

Deno.test("readBody() refuses a body that takes too long", async () => {
  const { setTimeout } = globalThis;
  globalThis.setTimeout =
    ((run: () => void) => setTimeout(run)) as typeof setTimeout;
  try {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes("{}")),
    });
    assertEquals(await refusal(post(body)), [408, "request_timeout"]);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
});

/** How much memory a process takes, in bytes. */
async function memoryOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "rss=", "-p", `${pid}`],
  }).output();
  return Number(new TextDecoder().decode(stdout)) * 1024;
}

Deno.test({
  name:
    "readBody() needs no more memory than the body has bytes, however they come",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using server = await startServer();
    const { hostname, port } = new URL(server.url);
    using socket = await Deno.connect({ hostname, port: Number(port) });
    socket.setNoDelay();
    await socket.write(bytes(
      "POST /agent HTTP/1.1\r\nhost: localhost\r\n" +
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
    ));
    const before = await memoryOf(server.pid);
    // 48 KB on the wire, of which 8 KB are the body.
    for (let sent = 0; sent < 8_000; sent += 20) {
      for (let chunk = 0; chunk < 20; chunk++) {
        await socket.write(bytes("1\r\na\r\n"));
      }
      // Left alone, the server reads these apart from the next.
      await new Promise((go) => setTimeout(go, 1));
    }
    const taken = await memoryOf(server.pid) - before;
    await socket.write(bytes("0\r\n\r\n"));
    const answer = new Uint8Array(1024);
    const length = await socket.read(answer) ?? 0;
    const status = new TextDecoder().decode(answer.subarray(0, length));
    assertStringIncludes(status, "HTTP/1.1 401 ");
    assertLess(taken, 60 * 1024 * 1024);
  },
});

Deno.test("readBody() is not deceived by a length that is declared along with chunks", async () => {
  await using server = await startServer();
  const { hostname, port } = new URL(server.url);
  using socket = await Deno.connect({ hostname, port: Number(port) });
  await socket.write(bytes(
    "POST /agent HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n" +
      "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
  ));
  const chunk = bytes(`10000\r\n${"a".repeat(0x10000)}\r\n`);
  let sent = 0;
  try {
    for (; sent < 64; sent++) await socket.write(chunk);
  } catch {
    // The server has had enough.
  }
  const answer = new Uint8Array(1024);
  const length = await socket.read(answer) ?? 0;
  const [status = ""] = new TextDecoder().decode(answer.subarray(0, length))
    .split("\r\n");
  assertMatch(status, /^HTTP\/1\.1 (400|413) /);
});

Deno.test({
  name: "readBody() lets no large bodies that stall take the memory",
  // Where the memory of another process can be read.
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = await startServer();
    const { port } = new URL(server.url);
    const head = `POST /agent HTTP/1.1\r\nhost: a\r\n` +
      "content-type: application/json\r\ncontent-length: 1048576\r\n\r\n";
    const body = new Uint8Array(1_048_575);
    const before = await memoryOf(server.pid);
    const sockets: Deno.Conn[] = [];
    const statuses: string[] = [];
    async function stall(): Promise<void> {
      const socket = await Deno.connect({ port: Number(port) });
      sockets.push(socket);
      void read(socket, statuses);
      await socket.write(new TextEncoder().encode(head));
      for (let at = 0; at < body.length;) {
        at += await socket.write(body.subarray(at));
      }
    }
    try {
      await Promise.all(Array.from({ length: 300 }, () =>
        stall().catch(() => {
          // Refused in the midst of it.
        })));
      while (statuses.length < 200) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assertEquals([...new Set(statuses)], ["HTTP/1.1 503"]);
      const taken = await memoryOf(server.pid) - before;
      assertLess(taken, 250 * 1024 * 1024);
      const health = await fetch(`${server.url}/health`);
      assertEquals(health.status, 200);
      await health.body?.cancel();
    } finally {
      for (const socket of sockets) socket.close();
    }
  },
});

/** Reads what comes, and notes how it begins. */
async function read(socket: Deno.Conn, statuses: string[]): Promise<void> {
  const buffer = new Uint8Array(4_096);
  try {
    while (await socket.read(buffer) !== null) {
      statuses.push(new TextDecoder().decode(buffer.subarray(0, 12)));
    }
  } catch {
    // Reset, or closed by the test.
  }
}

Deno.test("readBody() tells a client that sends too much that the connection closes", async () => {
  const error = await assertRejects(
    () => readBody(post(new Uint8Array(MAX_BODY_BYTES + 1))),
    HttpError,
  );
  assertEquals(error.toResponse().headers.get("connection"), "close");
});

Deno.test({
  name: "readBody() leaves no timer behind",
  sanitizeOps: true,
  sanitizeResources: true,
  fn: async () => {
    await readBody(post("{}"));
    await refusal(post(new Uint8Array(MAX_BODY_BYTES + 1)));
  },
});

for (
  const [text, value] of [
    ['{"a":[1,null,"x"]}', { a: [1, null, "x"] }],
    [" \n[]\t", []],
    ['"Grüße 👋"', "Grüße 👋"],
    ["null", null],
    ["\uFEFF{}", {}],
  ] as const
) {
  Deno.test(`parseJson() reads ${JSON.stringify(text)}`, () => {
    assertEquals(parseJson(bytes(text)), value);
  });
}

for (
  const [what, body] of [
    ["an empty body", bytes("")],
    ["half an object", bytes('{"a":')],
    ["two objects", bytes("{}{}")],
    ["text", bytes("hello")],
    ["a form", bytes("a=1&b=2")],
    ["invalid UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
    ["half a character", bytes('"é').slice(0, 2)],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00)],
  ] as const
) {
  Deno.test(`parseJson() refuses ${what}`, () => {
    const error = assertThrows(() => parseJson(body), HttpError);
    assertEquals(error.status, 400);
    assertEquals(error.code, "malformed_json");
  });
}

Deno.test("parseJson() does not repeat the body in its refusal", () => {
  const error = assertThrows(() => parseJson(bytes("secret words")), HttpError);
  assertEquals(error.message.includes("secret"), false);
});

Deno.test("HttpError.toResponse() returns JSON of the documented shape", async () => {
  const error = new HttpError(405, "method_not_allowed", "Use POST", {
    allow: "POST",
  });
  const response = error.toResponse();
  assertEquals(response.status, 405);
  assertEquals(response.headers.get("allow"), "POST");
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(await response.json(), {
    error: { code: "method_not_allowed", message: "Use POST" },
  });
});

Deno.test("json() returns JSON that may not be cached or taken for a page", async () => {
  const response = json({ a: 1 }, { status: 201, headers: { "x-a": "1" } });
  assertEquals(response.status, 201);
  assertEquals(response.headers.get("x-a"), "1");
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertEquals(response.headers.get("x-content-type-options"), "nosniff");
  assertEquals(await response.json(), { a: 1 });
});
