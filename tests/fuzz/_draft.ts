/**
 * What a stranger may send to the server, as plain data that is reproducible from
 * a seed: any route, with heads and bodies that are valid, nearly valid or
 * nonsense.
 *
 * @module
 */
import fc from "npm:fast-check@4.11.0";
import { body } from "./_body.ts";

/** How a request declares its body's length. */
export type Framing = "length" | "chunked" | "short" | "none" | "both";

/** Describes the bytes of one connection. */
export interface Draft {
  method: string;
  path: string;
  version: string;
  headers: [name: string, value: string][];
  body: string;
  /** `latin1`: each character of the body is a byte, so that it may be invalid UTF-8. */
  encoding: "utf-8" | "latin1";
  framing: Framing;
  /** The kind of key that it sends, if any. `signed`: Layercode's signature over the body. */
  key: "none" | "signed" | "admin" | "page" | "bearer" | "wrong";
  /** The size of the pieces that it is written in; 0: all at once. */
  pieceBytes: number;
  /** Whether the client reads the answer, closes its own side first, or disconnects at once. */
  ending: "read" | "shut" | "leave";
}

/** A method and a path. */
type Route = readonly [method: string, path: string];

/**
 * Every route with its methods. A route of an API that the server doesn't have
 * must be answered with 404.
 */
export const ROUTES: readonly Route[] = [
  ["GET", "/"],
  ["GET", "/health"],
  ["GET", "/ready"],
  ["GET", "/metrics"],
  ["POST", "/agent"],
  ["POST", "/api/agent"],
  ["POST", "/authorize"],
  ["OPTIONS", "/authorize"],
  ["POST", "/api/authorize"],
  ["POST", "/playground/turn"],
  ["GET", "/voice"],
  ["GET", "/web/page.css"],
  ["GET", "/web/playground/page.js"],
  ["GET", "/web/voice/page.js"],
  ["GET", "/web/sessions/page.js"],
  ["GET", "/sessions"],
  ["GET", "/sessions/fuzz-1"],
  ["DELETE", "/sessions/fuzz-1"],
  ["POST", "/v1/chat/completions"],
  ["POST", "/chat/completions"],
  ["GET", "/v1/models"],
  ["GET", "/models"],
  ["POST", "/twilio/voice"],
  ["POST", "/twilio/action"],
  ["GET", "/twilio/relay"],
  ["GET", "/telnyx/0123456789abcdef0123456789abcdef/relay"],
  ["GET", "/elevenlabs/engine"],
  ["GET", "/retell/0123456789abcdef0123456789abcdef/call-1"],
];

const HEADERS: Record<string, readonly string[]> = {
  "accept": ["text/html", "*/*", "text/event-stream", "q=9;;,"],
  "content-type": ["text/plain", "application/x-www-form-urlencoded", ";"],
  "content-encoding": ["gzip", "br"],
  "cookie": ["a=b", "parley=;;;==", "=".repeat(3_000), "\xff\xfe=1"],
  "expect": ["100-continue"],
  "forwarded": ["for=127.0.0.1;proto=https"],
  "if-none-match": ["*", 'W/"x"'],
  "layercode-signature": ["t=1,v1=0", `t=${"9".repeat(500)},v1=`, "v1"],
  "origin": ["null", "https://evil.test", "http://localhost", "://"],
  "parley-details": ["on"],
  "range": ["bytes=0-0,1-", "bytes=-1"],
  "sec-fetch-site": ["cross-site", "same-origin"],
  "sec-websocket-key": ["dGhlIHNhbXBsZSBub25jZQ==", "no"],
  "sec-websocket-version": ["13", "-1"],
  "transfer-encoding": ["gzip, chunked", "identity"],
  "upgrade": ["websocket", "h2c"],
  "x-forwarded-for": ["1.2.3.4, ::1", ",".repeat(500), "not an address"],
  "x-forwarded-proto": ["https", "javascript"],
  "x-twilio-signature": ["", "AAAA"],
};
const header = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...Object.entries(HEADERS).flatMap(([name, values]) =>
        values.map((value): [string, string] => [name, value])
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("x-a", "x y", "", "host", "content-length"),
      fc.oneof(
        fc.string({ maxLength: 20 }),
        fc.constantFrom("\0", "\xff", "-1", "99999999999999999999", "a\nb"),
        fc.constantFrom("x".repeat(9_000), "x".repeat(70_000)),
      ),
    ),
  },
);

const pathEnd = fc.oneof(
  { weight: 12, arbitrary: fc.constant("") },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...["/", "//", "/../..", "/%2e%2e/%2e%2e", "/%", "/%ff", "/%00", ";a=b"],
      ...["?token=", "?token=wrong", "?limit=-1", "?limit=1e9", "?limit=2"],
      ...[
        "?cursor=zzz",
        "?cursor=%ff&cursor=",
        "?%",
        "#x",
        "?" + "a".repeat(3_000),
      ],
      ...[
        "/" + "a".repeat(2_100),
        "/a".repeat(5_000),
        "/" + "b".repeat(70_000),
      ],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.string({ unit: "binary-ascii", maxLength: 30 }),
  },
);
const route: fc.Arbitrary<Route> = fc.oneof(
  { weight: 14, arbitrary: fc.constantFrom(...ROUTES) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Route[]>(
      ["POST", "/agent"],
      ["POST", "/authorize"],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom(
        "GET",
        "HEAD",
        "PUT",
        "PATCH",
        "TRACE",
        "CONNECT",
        "x",
        "",
      ),
      fc.oneof(
        fc.constantFrom(...ROUTES.map(([, path]) => path)),
        fc.constantFrom("*", "http://evil.test/agent", "//evil.test", "\\", ""),
        fc.webPath(),
      ),
    ),
  },
);

/** Makes a choice of weighted values. */
function choose<T>(weights: readonly (readonly [T, number])[]) {
  return fc.oneof(
    ...weights.map(([value, weight]) => ({
      weight,
      arbitrary: fc.constant(value),
    })),
  );
}

/** Any draft. */
const draft: fc.Arbitrary<Draft> = fc.record({
  route,
  pathEnd,
  version: choose([
    ["HTTP/1.1", 60],
    ["HTTP/1.0", 1],
    ["HTTP/9.9", 1],
    ["", 1],
    ["\0", 1],
  ]),
  headers: fc.array(header, { maxLength: 3 }),
  body,
  encoding: choose<Draft["encoding"]>([["utf-8", 12], ["latin1", 1]]),
  framing: choose<Framing>([
    ["length", 20],
    ["chunked", 5],
    ["short", 1],
    ["none", 1],
    ["both", 1],
  ]),
  key: choose<Draft["key"]>([
    ["signed", 12],
    ["none", 3],
    ["admin", 3],
    ["page", 3],
    ["bearer", 3],
    ["wrong", 1],
  ]),
  pieceBytes: choose([[0, 20], [1, 1], [7, 1], [1_000, 1]]),
  ending: choose<Draft["ending"]>([["read", 18], ["shut", 1], ["leave", 1]]),
}).map(({ route: [method = "", path = ""], pathEnd, ...rest }) => ({
  method,
  path: path + pathEnd,
  ...rest,
}));

/** Makes the drafts of a seed, a few at a time. The same seed makes the same drafts. */
export function* makeDrafts(
  seed: number,
  count: number,
): Generator<{ seed: number; draft: Draft }> {
  const some = 64;
  for (let made = 0; made < count; made += some) {
    const own = seed + made / some;
    const numRuns = Math.min(some, count - made);
    for (const one of fc.sample(draft, { seed: own, numRuns })) {
      yield { seed: own, draft: one };
    }
  }
}
