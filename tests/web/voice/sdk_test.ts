import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { HttpError } from "../../../src/server/http.ts";
import { createLog } from "../../../src/server/log.ts";
import { createSdk, type SdkOptions } from "../../../src/web/voice/sdk.ts";
import { gzip, integrityOf, startRegistry, tar } from "./_package.ts";

const SCRIPT = "export default class {}\n";
const PACKAGE = await gzip(tar({
  "package/package.json": "{}",
  "package/dist/layercode-js-sdk.esm.js": SCRIPT,
  "package/README.md": "# Read me",
}));

/** A port where nobody listens. */
const CLOSED = closedPort();

type Reply = () => Response | Promise<Response>;

/** A handler at a registry that answers so, and what both saw. */
function test(
  what: string,
  reply: Reply,
  body: (
    ask: (headers?: Record<string, string>) => Promise<Response>,
    seen: { paths: string[]; logged: string[] },
  ) => Promise<void>,
  options: Partial<SdkOptions> = {},
): void {
  Deno.test({
    name: `createSdk() ${what}`,
    sanitizeOps: true,
    sanitizeResources: true,
    fn: async () => {
      await using registry = startRegistry(reply);
      const logged: string[] = [];
      const log = createLog({
        level: "debug",
        format: "json",
        write: (_, line) => logged.push(line),
      });
      const handler = createSdk({
        registry: registry.url,
        log,
        integrity: integrityOf(PACKAGE),
        ...options,
      });
      const ask = async (headers: Record<string, string> = {}) =>
        await handler(
          new Request("http://parley.test/voice/sdk.js", { headers }),
        );
      await body(ask, { paths: registry.paths, logged });
    },
  });
}

const good: Reply = () => new Response(PACKAGE);

test(
  "serves the module of the pinned version",
  good,
  async (ask, { paths }) => {
    const response = await ask();
    assertEquals(response.status, 200);
    const { headers } = response;
    assertEquals(headers.get("content-type"), "text/javascript; charset=utf-8");
    assertEquals(headers.get("cache-control"), "public, max-age=3600");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(await response.text(), SCRIPT);
    assertEquals(paths, ["/@layercode/js-sdk/-/js-sdk-2.8.10.tgz"]);
  },
);

test("does not send again what a browser has", good, async (ask) => {
  const first = await ask();
  await first.body?.cancel();
  const etag = first.headers.get("etag") ?? "";
  assert(etag !== "");
  for (const known of [etag, `W/${etag}`]) {
    const response = await ask({ "if-none-match": known });
    assertEquals(response.status, 304);
    assertEquals(response.headers.get("etag"), etag);
    assertEquals(response.body, null);
  }
  const other = await ask({ "if-none-match": '"2.0.0"' });
  assertEquals(await other.text(), SCRIPT);
});

test("fetches once for all who ask", good, async (ask, { paths }) => {
  const responses = await Promise.all([ask(), ask(), ask()]);
  for (const response of [...responses, await ask()]) {
    assertEquals(await response.text(), SCRIPT);
  }
  assertEquals(paths.length, 1);
});

let isDown = true;
test(
  "tries again after a failure",
  () => isDown ? new Response("Down", { status: 503 }) : good(),
  async (ask, { paths }) => {
    // All who ask meanwhile are refused by the one fetch.
    const refused = await Promise.allSettled([ask(), ask()]);
    assertEquals(refused.map(({ status }) => status), ["rejected", "rejected"]);
    assertEquals(paths.length, 1);
    isDown = false;
    const response = await ask();
    assertEquals(await response.text(), SCRIPT);
    assertEquals(paths.length, 2);
  },
);

/** A body that never ends. */
function hanging(): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.enqueue(PACKAGE.slice(0, 20)),
    }),
  );
}

interface Failure {
  what: string;
  reply: Reply;
  code: string;
  /** What the log tells, and the sender need not know. */
  reason: string;
  options?: Partial<SdkOptions>;
}

const truncated = PACKAGE.slice(0, -20);
const stray = await gzip(tar({ "package/other.js": SCRIPT }));
const FAILURES: Failure[] = [
  {
    what: "there is no package",
    reply: () => new Response("Not found", { status: 404 }),
    code: "upstream_unreachable",
    reason: "404",
  },
  {
    what: "a registry answers in mid-air",
    reply: hanging,
    code: "upstream_unreachable",
    reason: "within 50 ms",
    options: { timeoutMs: 50 },
  },
  {
    what: "there is no registry",
    reply: good,
    code: "upstream_unreachable",
    reason: "error sending request",
    options: { registry: `http://127.0.0.1:${CLOSED}` },
  },
  {
    what: "the package is another one",
    reply: () => new Response(stray),
    code: "upstream_invalid",
    reason: "pinned",
  },
  {
    what: "the package was cut off",
    reply: () => new Response(truncated),
    code: "upstream_invalid",
    reason: "pinned",
  },
  {
    what: "the right bytes can't be unpacked",
    reply: () => new Response(truncated),
    code: "upstream_invalid",
    reason: "unpacked",
    options: { integrity: integrityOf(truncated) },
  },
  {
    what: "the module is not in it",
    reply: () => new Response(stray),
    code: "upstream_invalid",
    reason: "there is no",
    options: { integrity: integrityOf(stray) },
  },
  {
    what: "a registry sends without end",
    reply: () => new Response(new Uint8Array(5 * 1024 * 1024)),
    code: "upstream_invalid",
    reason: "larger",
  },
];

for (const { what, reply, code, reason, options } of FAILURES) {
  test(`refuses where ${what}`, reply, async (ask, { logged }) => {
    const error = await assertRejects(() => ask(), HttpError);
    assertEquals(error.status, 502);
    assertEquals(error.code, code);
    const [line = ""] = logged;
    assertStringIncludes(line, '"level":"error"');
    assertStringIncludes(line, reason);
  }, options);
}

test(
  "tells nobody the password of a registry",
  good,
  async (ask, { logged }) => {
    const error = await assertRejects(() => ask(), HttpError);
    assertStringIncludes(error.message, `127.0.0.1:${CLOSED}`);
    assertEquals((error.message + logged).includes("hush"), false, `${logged}`);
  },
  { registry: `http://me:hush@127.0.0.1:${CLOSED}` },
);

function closedPort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
